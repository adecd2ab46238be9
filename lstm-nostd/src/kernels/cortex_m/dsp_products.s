@ Sums of products of one unit for ARMv7E-M and ARMv8-M with the DSP extension, for schemes other than w8a16;
@ `products.rs` explains it, and `job.s` has the words that r0 points to.

@ Four int8 inputs to four rows, 20 instructions of four bytes: bytes 0 and 2, then 1 and 3, side by side.
.macro lstm_w8a8_row w, acc
    sxtb16  r0, \w
    sxtb16  \w, \w, ror #8
    smlad   \acc, r0, r8, \acc
    smlad   \acc, \w, r9, \acc
.endm
.macro lstm_w8a8_block
    ldr     r9, [r1], #4
    sxtb16  r8, r9
    sxtb16  r9, r9, ror #8
    ldmia   r3!, {r10, r11, r12, lr}
    lstm_w8a8_row r10, r4
    lstm_w8a8_row r11, r5
    lstm_w8a8_row r12, r6
    lstm_w8a8_row lr, r7
.endm

@ Four int16 inputs to four rows of w + 8, 18 instructions of four bytes. r12 is 0x000f000f.
.macro lstm_w4a16_rows w, acc_a, acc_b
    and     r0, r12, \w
    smlad   \acc_a, r0, r8, \acc_a
    and     r0, r12, \w, lsr #4
    smlad   \acc_a, r0, r9, \acc_a
    and     r0, r12, \w, lsr #8
    smlad   \acc_b, r0, r8, \acc_b
    and     r0, r12, \w, lsr #12
    smlad   \acc_b, r0, r9, \acc_b
.endm
.macro lstm_w4a16_block
    ldrd    r8, r9, [r1], #8
    ldrd    r10, r11, [r3], #8
    lstm_w4a16_rows r10, r4, r5
    lstm_w4a16_rows r11, r6, r7
.endm

@ Part \index of the row, into r4 to r7.
.macro lstm_products_part block, index
    ldr     r4, [r0, #J_START+4*\index]
    ldrd    r1, r2, [r0, #J_X+12*\index]
    ldr     r8, [r0, #J_X+12*\index+8]
    mov     r5, r4
    mov     r6, r4
    mov     r7, r4
    adr.w   r0, 1f
    add     r0, r0, r8
    orr     r0, r0, #1
    bx      r0
    .p2align 2
1:
    .rept 4
    \block
    .endr
    cmp     r1, r2
    bne     1b
    ldr     r0, [sp]
    ldr     r8, [r0, #J_SHIFT+4*\index]
    lsl     r4, r4, r8
    lsl     r5, r5, r8
    lsl     r6, r6, r8
    lsl     r7, r7, r8
.endm

.macro lstm_products block
    push    {r0, r4-r11, lr}
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
    pop     {r0, r4-r11, pc}
.endm

    .cpu cortex-m33
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
    mov     r12, #0x000f000f
    lstm_products lstm_w4a16_block
    .size   lstm_nostd_w4a16_products, . - lstm_nostd_w4a16_products
    .popsection
