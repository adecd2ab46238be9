@ r0 points to the words of `products::Job`:
    .equ J_ROW, 0
    .equ J_X, 4             @ start, end, bytes into the loop
    .equ J_H, 16
    .equ J_SHIFT, 28        @ of inputs, of hidden state
    .equ J_START, 36        @ of the sums of inputs, of those of the hidden state
    .equ J_SUMS, 44

