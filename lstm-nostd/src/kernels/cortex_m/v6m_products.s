@ Sums of products of one unit for ARMv6-M, for schemes other than w8a16;
@ `products.rs` explains it, and `job.s` has the words that r0 points to.

@ One int8 input of a block to four rows: weights at r0 plus r4 to r7, sums in r8 to r11.
.macro lstm_w8a8_input step
    ldrsb   r2, [r1, r4]
    ldrsb   r3, [r0, r4]
    muls    r3, r2, r3
    add     r8, r3
    ldrsb   r3, [r0, r5]
    muls    r3, r2, r3
    add     r9, r3
    ldrsb   r3, [r0, r6]
    muls    r3, r2, r3
    add     r10, r3
    ldrsb   r3, [r0, r7]
    muls    r3, r2, r3
    add     r11, r3
    adds    r1, #1
    adds    r0, #\step
.endm

.macro lstm_w8a8_block
    lstm_w8a8_input 1
    lstm_w8a8_input 1
    lstm_w8a8_input 1
    lstm_w8a8_input 13
.endm

@ Adds input r7 times the w + 8 that ends \left bits from the left end of \w to \acc.
.macro lstm_w4a16_weight w, left, acc
    .if \left
    lsls    r6, \w, #\left
    lsrs    r6, r6, #28
    .else
    lsrs    r6, \w, #28
    .endif
    muls    r6, r7, r6
    add     \acc, r6
.endm

@ Input r7 to four rows, whose nibbles stand \a and \b bits from the left ends of r2 and r3.
.macro lstm_w4a16_input a, b
    lstm_w4a16_weight r2, \a, r8
    lstm_w4a16_weight r2, \b, r9
    lstm_w4a16_weight r3, \a, r10
    lstm_w4a16_weight r3, \b, r11
.endm

@ Four int16 inputs to four rows of w + 8.
.macro lstm_w4a16_block
    ldmia   r0!, {r2, r3}
    ldmia   r1!, {r4, r5}
    sxth    r7, r4
    lstm_w4a16_input 28, 20
    asrs    r7, r4, #16
    lstm_w4a16_input 12, 4
    sxth    r7, r5
    lstm_w4a16_input 24, 16
    asrs    r7, r5, #16
    lstm_w4a16_input 8, 0
.endm

@ r3 to the shift of a sum.
.macro lstm_shift sum
    mov     r2, \sum
    lsls    r2, r3
    mov     \sum, r2
.endm

@ Part \index of the row, into r8 to r11.
.macro lstm_products_part block, index
    mov     r2, lr
    ldr     r1, [r2, #J_X+12*\index+4]
    mov     r12, r1
    ldr     r1, [r2, #J_X+12*\index]
    ldr     r3, [r2, #J_START+4*\index]
    mov     r8, r3
    mov     r9, r3
    mov     r10, r3
    mov     r11, r3
1:
    \block
    cmp     r1, r12
    bne     1b
    mov     r2, lr
    ldr     r3, [r2, #J_SHIFT+4*\index]
    lstm_shift r8
    lstm_shift r9
    lstm_shift r10
    lstm_shift r11
.endm

@ Keeps r4 to r11.
.macro lstm_products_begin
    push    {r4-r7, lr}
    mov     r4, r8
    mov     r5, r9
    mov     r6, r10
    mov     r7, r11
    push    {r4-r7}
    mov     lr, r0
    ldr     r0, [r0, #J_ROW]
.endm

.macro lstm_products block
    lstm_products_part \block, 0
    mov     r3, lr
    adds    r3, #J_SUMS
    mov     r2, r8
    str     r2, [r3]
    mov     r2, r9
    str     r2, [r3, #4]
    mov     r2, r10
    str     r2, [r3, #8]
    mov     r2, r11
    str     r2, [r3, #12]
    lstm_products_part \block, 1
    mov     r0, lr
    adds    r0, #J_SUMS
    ldmia   r0!, {r4-r7}
    add     r4, r8
    add     r5, r9
    add     r6, r10
    add     r7, r11
    subs    r0, #16
    stmia   r0!, {r4-r7}
    pop     {r4-r7}
    mov     r8, r4
    mov     r9, r5
    mov     r10, r6
    mov     r11, r7
    pop     {r4-r7, pc}
.endm

    .pushsection .text.lstm_nostd_w8a8_products, "ax", %progbits
    .p2align 2
    .global lstm_nostd_w8a8_products
    .type   lstm_nostd_w8a8_products, %function
    .thumb_func
lstm_nostd_w8a8_products:
    lstm_products_begin
    movs    r4, #0
    movs    r5, #4
    movs    r6, #8
    movs    r7, #12
    lstm_products lstm_w8a8_block
    .size   lstm_nostd_w8a8_products, . - lstm_nostd_w8a8_products
    .popsection

    .pushsection .text.lstm_nostd_w4a16_products, "ax", %progbits
    .p2align 2
    .global lstm_nostd_w4a16_products
    .type   lstm_nostd_w4a16_products, %function
    .thumb_func
lstm_nostd_w4a16_products:
    lstm_products_begin
    lstm_products lstm_w4a16_block
    .size   lstm_nostd_w4a16_products, . - lstm_nostd_w4a16_products
    .popsection
