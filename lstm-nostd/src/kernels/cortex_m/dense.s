@ r0 points to the words of `dense::Job`:
    .equ D_WEIGHTS, 0
    .equ D_X, 4             @ first and past the last block
    .equ D_INPUTS, 12
    .equ D_LANES, 16        @ weights of a row, with its padding
    .equ D_NEXT, 20         @ what is called with four sums and the next word
    .equ D_ROWS, 24

