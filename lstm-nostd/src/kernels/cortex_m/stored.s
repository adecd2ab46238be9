@ Where the sums of a group of rows go to memory; `stored.rs` explains it. A frame begins with the words of `Store`:
    .equ S_AT, 0            @ running pointer
    .equ S_END, 4
