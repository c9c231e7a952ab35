"""The floor below both planners: budgets, revealed terms, ranges and dead channels."""
