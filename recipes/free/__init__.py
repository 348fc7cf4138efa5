"""Makes the weights of `free_68` from sources that anyone may use."""
