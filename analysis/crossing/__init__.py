"""Where L(C) meets L(D): two known laws, laws fitted together, one coherent surface."""
