"""What a fitted surface says of a budget, and which run would narrow it: for plan and next_points."""
