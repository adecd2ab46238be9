@ Sums of products of one unit for ARMv6-M in w8a8; `products.rs` explains it. r0 points to the words of
@ `products::Job`:
    .equ J_ROW, 0
    .equ J_X, 4             @ start, end
    .equ J_H, 16
    .equ J_SHIFT, 28        @ of inputs, of hidden state
    .equ J_SUMS, 44

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

@ r3 to the shift of a sum.
.macro lstm_w8a8_shift sum
    mov     r2, \sum
    lsls    r2, r3
    mov     \sum, r2
.endm

@ A part of the row, whose activations stand at \part of the job and whose shift at \shift.
.macro lstm_w8a8_part part, shift
    mov     r2, lr
    ldr     r1, [r2, #\part+4]
    mov     r12, r1
    ldr     r1, [r2, #\part]
    mov     r8, r4
    mov     r9, r4
    mov     r10, r4
    mov     r11, r4
1:
    lstm_w8a8_input 1
    lstm_w8a8_input 1
    lstm_w8a8_input 1
    lstm_w8a8_input 13
    cmp     r1, r12
    bne     1b
    mov     r2, lr
    ldr     r3, [r2, #\shift]
    lstm_w8a8_shift r8
    lstm_w8a8_shift r9
    lstm_w8a8_shift r10
    lstm_w8a8_shift r11
.endm

    .pushsection .text.lstm_nostd_w8a8_products, "ax", %progbits
    .p2align 2
    .global lstm_nostd_w8a8_products
    .type   lstm_nostd_w8a8_products, %function
    .thumb_func
lstm_nostd_w8a8_products:
    push    {r4-r7, lr}
    mov     r4, r8
    mov     r5, r9
    mov     r6, r10
    mov     r7, r11
    push    {r4-r7}
    mov     lr, r0
    ldr     r0, [r0, #J_ROW]
    movs    r4, #0
    movs    r5, #4
    movs    r6, #8
    movs    r7, #12
    lstm_w8a8_part J_X, J_SHIFT
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
    lstm_w8a8_part J_H, J_SHIFT+4
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
    .size   lstm_nostd_w8a8_products, . - lstm_nostd_w8a8_products
    .popsection
