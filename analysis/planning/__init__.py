"""What a fitted surface says of a budget, and which run would narrow it: for plan and plan_next_runs."""
