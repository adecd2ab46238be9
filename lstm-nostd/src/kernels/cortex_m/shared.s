@ What the kernels for several cores have in common.

@ What `cargo xtask bench` counts the instructions from here on as: products, activations or rest.
.macro lstm_part name
lstm_nostd.\name\().\@:
.endm

@ A place that Rust or another section knows.
.macro lstm_place name
    .global \name
    .type   \name, %function
    .thumb_func
\name:
.endm
