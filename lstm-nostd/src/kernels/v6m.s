@ Sums of products of one unit for ARMv6-M; `v6m.rs` explains it. r0 points to `plain::Job<1>`:
    .equ ROWS, 0
    .equ X, 4
    .equ H, 12
    .equ X_SHIFT, 20
    .equ SUMS, 24

@ One input of a block to four rows: weights at r0 plus r4 to r7, sums in r8 to r11.
.macro lstm_input step
    ldrsh   r2, [r1, r4]
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
    adds    r1, #2
    adds    r0, #\step
.endm

@ The blocks from r1 to r12.
.macro lstm_part
1:
    lstm_input 1
    lstm_input 1
    lstm_input 1
    lstm_input 13
    cmp     r1, r12
    bne     1b
.endm

    .pushsection .text.lstm_nostd_v6m_products, "ax", %progbits
    .p2align 2
    .global lstm_nostd_v6m_products
    .type   lstm_nostd_v6m_products, %function
    .thumb_func
lstm_nostd_v6m_products:
    push    {r4-r7, lr}
    mov     r4, r8
    mov     r5, r9
    mov     r6, r10
    mov     r7, r11
    push    {r4-r7}
    mov     lr, r0
    ldr     r1, [r0, #X+4]
    mov     r12, r1
    ldr     r1, [r0, #X]
    ldr     r0, [r0, #ROWS]
    movs    r4, #0
    movs    r5, #4
    movs    r6, #8
    movs    r7, #12
    mov     r8, r4
    mov     r9, r4
    mov     r10, r4
    mov     r11, r4
    lstm_part
    mov     r2, lr
    ldr     r1, [r2, #H+4]
    mov     r12, r1
    ldr     r1, [r2, #H]
    ldr     r3, [r2, #X_SHIFT]
    mov     r2, r8
    lsls    r2, r3
    mov     r8, r2
    mov     r2, r9
    lsls    r2, r3
    mov     r9, r2
    mov     r2, r10
    lsls    r2, r3
    mov     r10, r2
    mov     r2, r11
    lsls    r2, r3
    mov     r11, r2
    lstm_part
    mov     r0, lr
    adds    r0, #SUMS
    mov     r4, r8
    mov     r5, r9
    mov     r6, r10
    mov     r7, r11
    stmia   r0!, {r4-r7}
    pop     {r4-r7}
    mov     r8, r4
    mov     r9, r5
    mov     r10, r6
    mov     r11, r7
    pop     {r4-r7, pc}
    .size   lstm_nostd_v6m_products, . - lstm_nostd_v6m_products
    .popsection
