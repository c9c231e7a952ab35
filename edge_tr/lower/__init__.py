"""Planning: budgets, tables, kernels and memory become one Program value."""
