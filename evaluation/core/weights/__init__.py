"""Over the grid: the weights these votes would choose, shapes over a parameter, and which setting matters."""
