@ Sums of products of two units for ARMv7-M; `v7m.rs` explains it. r0 points to `plain::Job<2>`:
    .equ ROWS, 0
    .equ X, 8
    .equ H, 16
    .equ X_SHIFT, 24
    .equ SUMS, 28

@ One input of a block to eight rows: weights at r0 and r1 plus \j. \post advances both after the last use.
.macro lstm_input j, post=0
    .if \post
    ldrsh   r3, [r2], #8
    .else
    ldrsh   r3, [r2, #2*\j]
    .endif
    ldrsb   r12, [r0, #12+\j]
    mla     r7, r12, r3, r7
    ldrsb   r12, [r1, #12+\j]
    mla     r11, r12, r3, r11
    ldrsb   r12, [r0, #8+\j]
    mla     r6, r12, r3, r6
    ldrsb   r12, [r1, #8+\j]
    mla     r10, r12, r3, r10
    ldrsb   r12, [r0, #4+\j]
    mla     r5, r12, r3, r5
    ldrsb   r12, [r1, #4+\j]
    mla     r9, r12, r3, r9
    .if \post
    ldrsb   r12, [r0], #16
    mla     r4, r12, r3, r4
    ldrsb   r12, [r1], #16
    .else
    ldrsb   r12, [r0, #\j]
    mla     r4, r12, r3, r4
    ldrsb   r12, [r1, #\j]
    .endif
    mla     r8, r12, r3, r8
.endm

@ The blocks from r2 to lr.
.macro lstm_part
1:
    lstm_input 3
    lstm_input 2
    lstm_input 1
    lstm_input 0, 1
    cmp     r2, lr
    bne     1b
.endm

    .pushsection .text.lstm_nostd_v7m_products, "ax", %progbits
    .p2align 2
    .global lstm_nostd_v7m_products
    .type   lstm_nostd_v7m_products, %function
    .thumb_func
lstm_nostd_v7m_products:
    push    {r0, r4-r11, lr}
    ldrd    r2, lr, [r0, #X]
    ldrd    r0, r1, [r0, #ROWS]
    movs    r4, #0
    movs    r5, #0
    movs    r6, #0
    movs    r7, #0
    mov     r8, r4
    mov     r9, r4
    mov     r10, r4
    mov     r11, r4
    lstm_part
    ldr     r3, [sp]
    ldrd    r2, lr, [r3, #H]
    ldr     r3, [r3, #X_SHIFT]
    lsls    r4, r4, r3
    lsls    r5, r5, r3
    lsls    r6, r6, r3
    lsls    r7, r7, r3
    lsl     r8, r8, r3
    lsl     r9, r9, r3
    lsl     r10, r10, r3
    lsl     r11, r11, r3
    lstm_part
    pop     {r0}
    adds    r0, #SUMS
    stmia   r0, {r4-r11}
    pop     {r4-r11, pc}
    .size   lstm_nostd_v7m_products, . - lstm_nostd_v7m_products
    .popsection
