@ Sums of products of one unit for ARMv7-M without the DSP extension, for schemes other than w8a16;
@ `products.rs` explains it, and `job.s` has the words that r0 points to.

@ Four int8 inputs to four rows, 36 instructions of four bytes.
.macro lstm_w8a8_input j
    .if \j
    ldrsb   r8, [r1, #\j]
    .else
    ldrsb   r8, [r1], #4
    .endif
    ldrsb   r9, [r3, #4+\j]
    mla     r5, r9, r8, r5
    ldrsb   r9, [r3, #8+\j]
    mla     r6, r9, r8, r6
    ldrsb   r9, [r3, #12+\j]
    mla     r7, r9, r8, r7
    .if \j
    ldrsb   r9, [r3, #\j]
    .else
    ldrsb   r9, [r3], #16
    .endif
    mla     r4, r9, r8, r4
.endm
.macro lstm_w8a8_block
    lstm_w8a8_input 3
    lstm_w8a8_input 2
    lstm_w8a8_input 1
    lstm_w8a8_input 0
.endm

@ Four int16 inputs to four rows of w + 8, 37 instructions of four bytes.
.macro lstm_w4a16_input bit
    ldrsh   r8, [r1], #2
    ubfx    r9, r10, #\bit, #4
    mla     r4, r9, r8, r4
    ubfx    r9, r10, #\bit+8, #4
    mla     r5, r9, r8, r5
    ubfx    r9, r11, #\bit, #4
    mla     r6, r9, r8, r6
    ubfx    r9, r11, #\bit+8, #4
    mla     r7, r9, r8, r7
.endm
.macro lstm_w4a16_block
    ldrd    r10, r11, [r3], #8
    lstm_w4a16_input 0
    lstm_w4a16_input 16
    lstm_w4a16_input 4
    lstm_w4a16_input 20
.endm

@ Part \index of the row, into r4 to r7.
.macro lstm_products_part block, index
    ldr     r4, [r0, #J_START+4*\index]
    ldrd    r1, r2, [r0, #J_X+12*\index]
    ldr     r8, [r0, #J_X+12*\index+8]
    mov     r5, r4
    mov     r6, r4
    mov     r7, r4
    adr.w   r12, 1f
    add     r12, r12, r8
    orr     r12, r12, #1
    bx      r12
    .p2align 2
1:
    .rept 4
    \block
    .endr
    cmp     r1, r2
    bne.w   1b
    ldr     r8, [r0, #J_SHIFT+4*\index]
    lsl     r4, r4, r8
    lsl     r5, r5, r8
    lsl     r6, r6, r8
    lsl     r7, r7, r8
.endm

.macro lstm_products block
    push    {r4-r11, lr}
    ldr     r3, [r0, #J_ROW]
    lstm_products_part \block, 0
    add     r8, r0, #J_SUMS
    stmia   r8, {r4-r7}
    lstm_products_part \block, 1
    add     r0, r0, #J_SUMS
    ldmia   r0, {r8-r11}
    add     r4, r4, r8
    add     r5, r5, r9
    add     r6, r6, r10
    add     r7, r7, r11
    stmia   r0, {r4-r7}
    pop     {r4-r11, pc}
.endm

    .pushsection .text.lstm_nostd_w8a8_products, "ax", %progbits
    .p2align 2
    .global lstm_nostd_w8a8_products
    .type   lstm_nostd_w8a8_products, %function
    .thumb_func
lstm_nostd_w8a8_products:
    lstm_products lstm_w8a8_block
    .size   lstm_nostd_w8a8_products, . - lstm_nostd_w8a8_products
    .popsection

    .pushsection .text.lstm_nostd_w4a16_products, "ax", %progbits
    .p2align 2
    .global lstm_nostd_w4a16_products
    .type   lstm_nostd_w4a16_products, %function
    .thumb_func
lstm_nostd_w4a16_products:
    lstm_products lstm_w4a16_block
    .size   lstm_nostd_w4a16_products, . - lstm_nostd_w4a16_products
    .popsection
