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

@ A function in a section of its own, up to `lstm_end`.
.macro lstm_function name
    .pushsection .text.\name, "ax", %progbits
    .p2align 2
    lstm_place \name
.endm
.macro lstm_end name
    .size   \name, . - \name
    .popsection
.endm
