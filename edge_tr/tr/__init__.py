"""Number mathematics of terms: signed digits, term revealing, requantisation (numpy only)."""
