@ One time step of an LSTM layer for ARMv7-M without the DSP extension; `v7m.rs` explains it.
@
@ r0 points to the words of `v7m::Frame`, which are copied to the stack:
    .equ PEEPHOLES, 0       @ running pointers
    .equ CELL, 4
    .equ NEXT, 8
    .equ GATES, 12
    .equ WEIGHTS, 16
    .equ X, 20
    .equ X_END, 24
    .equ H, 28
    .equ H_END, 32
    .equ X_ENTRY, 36        @ bytes into the loops, here turned into addresses
    .equ H_ENTRY, 40
    .equ ROW, 44            @ bytes of a unit's weights
    .equ X_SHIFT, 48
    .equ CELL_END, 52
    .equ HALF, 56           @ rounding of i*g
    .equ SHIFT, 60          @ its shift
    .equ SQUASH, 64         @ shift of the cell to Q3.12, less one
    .equ TABLES, 68         @ sigmoid, then tanh at 512
    .equ RETURN, 72
    .equ SECOND, 76         @ sums of the second unit
    .equ FRAME, 92

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

@ 32 products, 272 bytes of instructions.
.macro lstm_block
    lstm_input 3
    lstm_input 2
    lstm_input 1
    lstm_input 0, 1
.endm

@ \v = mul_high(\v, \m)
.macro lstm_mul_high v, m
    smull   lr, \v, \v, \m
    add     \v, \v, lr, lsr #31
.endm

@ \v = (T1), (T2) of `activation` at \v, which need not be clamped yet; |\v| < 2^30; r1 points to the tables.
@ Carry holds the sign from `eors` (bit 30, as |\v| < 2^30) to the last `adc`.
.macro lstm_activation v, bits, guard, table, centre
    eors    r8, \v, \v, asr #31
    adc     r8, r8, #0
    usat    r8, #15, r8
    lsr     r9, r8, #\bits
    add     r9, r1, r9, lsl #3
    ldrd    r9, r10, [r9, #\table]
    ubfx    r8, r8, #0, #\bits
    sxth    lr, r10
    mla     r10, lr, r8, r10
    lsl     r8, r8, #16
    smull   lr, r10, r10, r8
    add     r9, r9, r10
    asr     r9, r9, #\guard
    eor     \v, r9, \v, asr #31
    adc     \v, \v, #\centre
.endm
.macro lstm_sigmoid v
    lstm_activation \v, 9, 10, 0, 16384
.endm
.macro lstm_tanh v
    lstm_activation \v, 8, 9, 512, 0
.endm

@ lr = the cell in r12, narrowed.
.macro lstm_narrow
    asr     lr, r12, #15
    add     lr, lr, #1
    ssat    lr, #16, lr, asr #1
.endm

    .pushsection .text.lstm_nostd_v7m_step, "ax", %progbits
    .p2align 2
    .global lstm_nostd_v7m_step
    .type   lstm_nostd_v7m_step, %function
    .thumb_func
lstm_nostd_v7m_step:
    push    {r4-r11, lr}
    sub     sp, sp, #FRAME
    mov     lr, sp
    ldmia   r0!, {r1-r8}
    stmia   lr!, {r1-r8}
    ldmia   r0, {r1-r10}
    stmia   lr, {r1-r10}
    ldr     r0, [sp, #X_ENTRY]
    adr.w   r1, .Llstm_x_loop
    add     r0, r0, r1
    orr     r0, r0, #1
    str     r0, [sp, #X_ENTRY]
    ldr     r0, [sp, #H_ENTRY]
    adr.w   r1, .Llstm_h_loop
    add     r0, r0, r1
    orr     r0, r0, #1
    str     r0, [sp, #H_ENTRY]

.Llstm_pair:
    @ (A), inputs. The last unit of an odd number stands for both.
    ldr     r0, [sp, #WEIGHTS]
    ldr     r1, [sp, #ROW]
    ldr     r2, [sp, #CELL]
    ldr     r3, [sp, #CELL_END]
    add     r2, r2, #4
    add     r1, r1, r0
    cmp     r2, r3
    it      eq
    moveq   r1, r0
    ldrd    r2, lr, [sp, #X]
    movs    r4, #0
    movs    r5, #0
    movs    r6, #0
    movs    r7, #0
    mov     r8, r4
    mov     r9, r4
    mov     r10, r4
    mov     r11, r4
    ldr     pc, [sp, #X_ENTRY]
    .p2align 2
.Llstm_x_loop:
    .rept 4
    lstm_block
    .endr
    cmp     r2, lr
    bne     .Llstm_x_loop
    ldr     r3, [sp, #X_SHIFT]
    lsls    r4, r4, r3
    lsls    r5, r5, r3
    lsls    r6, r6, r3
    lsls    r7, r7, r3
    lsl     r8, r8, r3
    lsl     r9, r9, r3
    lsl     r10, r10, r3
    lsl     r11, r11, r3
    @ (A), hidden state
    ldrd    r2, lr, [sp, #H]
    ldr     pc, [sp, #H_ENTRY]
    .p2align 2
.Llstm_h_loop:
    .rept 4
    lstm_block
    .endr
    cmp     r2, lr
    bne     .Llstm_h_loop
    str     r1, [sp, #WEIGHTS]
    add     r3, sp, #SECOND
    stmia   r3, {r8-r11}
    bl      .Llstm_unit
    beq     .Llstm_end
    add     r3, sp, #SECOND
    ldmia   r3, {r4-r7}
    bl      .Llstm_unit
    bne     .Llstm_pair
.Llstm_end:
    add     sp, sp, #FRAME
    pop     {r4-r11, pc}

    @ (B) to (D) of a unit with sums in r4 to r7; equal when it was the last one.
.Llstm_unit:
    str     lr, [sp, #RETURN]
    ldmia   sp, {r0, r2, r3}
    ldr     r1, [sp, #GATES]
    ldmia   r1!, {r8-r11}
    add     r4, r4, r8
    add     r5, r5, r9
    add     r6, r6, r10
    add     r7, r7, r11
    ldr     r12, [r2]
    cbz     r0, 2f
    lstm_narrow
    ldrsh   r8, [r0]
    ldrsh   r9, [r0, #2]
    mla     r4, r8, lr, r4
    mla     r5, r9, lr, r5
2:
    ldmia   r1!, {r8-r11}
    str     r1, [sp, #GATES]
    ldr     r1, [sp, #TABLES]
    lstm_mul_high r4, r8
    lstm_mul_high r5, r9
    lstm_mul_high r6, r10
    lstm_sigmoid r4
    lstm_sigmoid r5
    lstm_tanh r6
    @ (C)
    lsl     r5, r5, #16
    lstm_mul_high r5, r12
    ldrd    r8, r9, [sp, #HALF]
    mla     r4, r4, r6, r8
    asr     r4, r4, r9
    adds    r12, r4, r5, lsl #1
    bvs     5f
3:
    str     r12, [r2], #4
    @ (B) of o
    cbz     r0, 4f
    lstm_narrow
    ldrsh   r8, [r0, #6]
    adds    r0, r0, #8
    mla     r7, r8, lr, r7
4:
    lstm_mul_high r7, r11
    lstm_sigmoid r7
    @ (D)
    ldr     r8, [sp, #SQUASH]
    asr     r12, r12, r8
    add     r12, r12, #1
    asr     r12, r12, #1
    lstm_tanh r12
    mov     r8, #0x4000
    mla     r7, r7, r12, r8
    asr     r7, r7, #15
    strh    r7, [r3], #2
    stmia   sp, {r0, r2, r3}
    ldr     r8, [sp, #CELL_END]
    cmp     r2, r8
    ldr     pc, [sp, #RETURN]
    @ The sum left the range: the nearest end.
5:
    asr     r12, r12, #31
    eor     r12, r12, #0x80000000
    b       3b
    .size   lstm_nostd_v7m_step, . - lstm_nostd_v7m_step
    .popsection
