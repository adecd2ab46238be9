@ One time step of an LSTM layer for ARMv7-M without the DSP extension; `v7m.rs` explains it.
@
@ r0 points to `v7m::Frame`:
    .equ F_X, 0             @ first and past the last block
    .equ F_H, 8
    .equ F_X_SHIFT, 16
    .equ F_FACTOR, 20       @ 256 or 16, or 0 for weights without offsets
    .equ F_H_SHIFT, 24
    .equ F_Y_BYTES, 28
    .equ F_PREPARE, 32      @ where y are computed
    .equ F_KEPT, 36         @ sixteen words

@ The stack holds, below the activations (Y):
    .equ PEEPHOLES, 0       @ running pointers
    .equ CELL, 4
    .equ NEXT, 8
    .equ GATES, 12
    .equ CELL_END, 16
    .equ HALF, 20           @ rounding of i*g
    .equ SHIFT, 24          @ its shift
    .equ SQUASH, 28         @ shift of the cell to Q3.12, less one
    .equ TABLES, 32         @ sigmoid, then tanh at 512
    .equ NARROW, 36         @ (H) of int8: what o*tanh is taken from, and a shift
    .equ TAIL, 44           @ where a unit ends: (H)
    .equ WEIGHTS, 48        @ running pointer
    .equ ENTRY, 52          @ address in the loop
    .equ FIRST, 56          @ where to go with the activations
    .equ AFTER, 60          @ where to go with the sums
    .equ Y, 64
    .equ Y_END, 68
    .equ START, 72          @ (Y3), where the four sums begin
    .equ FRAME, 92          @ keeps the stack on a boundary of 8 bytes, with 36 bytes of registers

@ Four int16 activations at r7, to r1 to r4.
.macro lstm_int16
    ldrd    r2, r4, [r7], #8
    sxth    r1, r2
    asr     r2, r2, #16
    sxth    r3, r4
    asr     r4, r4, #16
.endm

@ Shifts four activations.
.macro lstm_shift_left
    lsl     r1, r1, r9
    lsl     r2, r2, r9
    lsl     r3, r3, r9
    lsl     r4, r4, r9
.endm

@ (Y1), (Y2) for four activations in r1 to r4, to r6. r10 is the factor, and r12 sums what has an offset.
.macro lstm_prepared
    add     r12, r12, r1
    add     r12, r12, r2
    add     r12, r12, r3
    mls     r4, r3, r10, r4
    mls     r3, r2, r10, r3
    mls     r2, r1, r10, r2
    stmia   r6!, {r1-r4}
.endm

@ Four products of a row, whose word is shifted in place.
.macro lstm_row sum, word
    mla     \sum, \word, r8, \sum
    asrs    \word, \word, #8
    mla     \sum, \word, r9, \sum
    asrs    \word, \word, #8
    mla     \sum, \word, r10, \sum
    asrs    \word, \word, #8
    mla     \sum, \word, r11, \sum
.endm

@ Sixteen products, 96 bytes of instructions: weights at r12, activations at lr, sums in r4 to r7.
.macro lstm_block
    ldmia   lr!, {r8-r11}
    ldmia   r12!, {r0-r3}
    lstm_row r4, r0
    lstm_row r5, r1
    lstm_row r6, r2
    lstm_row r7, r3
.endm

@ What the loop over a row in no group begins with.
.macro lstm_row_of_rest
    ldr     r4, [sp, #START]
    ldr     r12, [sp, #WEIGHTS]
    ldr     r1, [sp, #G_OFFSETS]
    ldrd    lr, r2, [sp, #Y]
.endm

@ The same for weights without offsets.
.macro lstm_plain_row sum, word
    sxtb    r2, \word
    mla     \sum, r2, r8, \sum
    sbfx    r2, \word, #8, #8
    mla     \sum, r2, r9, \sum
    sbfx    r2, \word, #16, #8
    mla     \sum, r2, r10, \sum
    asrs    \word, \word, #24
    mla     \sum, \word, r11, \sum
.endm

@ \v = mul_high(\v, \m)
.macro lstm_mul_high v, m
    smull   lr, \v, \v, \m
    add     \v, \v, lr, lsr #31
.endm

@ (T1) from \b and \e with t in \a, to \b.
.macro lstm_curve a, b, e
    sxth    lr, \e
    mla     \e, lr, \a, \e
    lsl     \a, \a, #16
    smull   lr, \e, \e, \a
    add     \b, \b, \e
.endm

    lstm_function lstm_nostd_v7m_step
    push    {r4-r11, lr}
    ldr     r1, [r0, #F_Y_BYTES]
    sub     sp, sp, r1
    mov     r6, sp
    add     r1, r1, r6
    sub     sp, sp, #FRAME
    str     r6, [sp, #Y]
    str     r1, [sp, #Y_END]
    add     r1, r0, #F_KEPT
    mov     lr, sp
    ldmia   r1!, {r2-r5, r7-r10}
    stmia   lr!, {r2-r5, r7-r10}
    ldmia   r1, {r2-r5, r7-r10}
    stmia   lr, {r2-r5, r7-r10}
    ldrd    r9, r10, [r0, #F_X_SHIFT]
    ldrd    r7, r8, [r0, #F_X]
    mov     r12, #0
    ldr     pc, [r0, #F_PREPARE]
    @ Of int16, from r7 to r8, to r6; r9 is k.
    lstm_place lstm_nostd_v7m_int16
1:
    lstm_int16
    lstm_shift_left
    lstm_prepared
    cmp     r7, r8
    bne     1b
    ldrd    r7, r8, [r0, #F_H]
    b       2f
1:
    lstm_int16
    lstm_prepared
2:
    cmp     r7, r8
    bne     1b
    lstm_place lstm_nostd_v7m_prepared
    @ (Y3)
    lsr     r1, r10, #1
    mul     r12, r12, r1
    rsb     r12, r12, #0
    strd    r12, r12, [sp, #START]
    strd    r12, r12, [sp, #START+8]
    ldr     pc, [sp, #FIRST]

    .p2align 2
    lstm_place lstm_nostd_v7m_rows
    lstm_part products
    @ (A)
    add     r7, sp, #START
    ldr     r12, [sp, #WEIGHTS]
    ldr     lr, [sp, #Y]
    ldmia   r7, {r4-r7}
    ldr     pc, [sp, #ENTRY]
    .p2align 2
    lstm_place lstm_nostd_v7m_loop
    lstm_part products
    .rept 4
    lstm_block
    .endr
    ldr     r0, [sp, #Y_END]
    cmp     lr, r0
    bne.w   lstm_nostd_v7m_loop
    ldr     pc, [sp, #AFTER]
    .p2align 2
    lstm_place lstm_nostd_v7m_unit
    lstm_part products
    str     r12, [sp, #WEIGHTS]
    ldmia   sp, {r0, r2, r3}
    ldr     r1, [sp, #GATES]
    ldmia   r1!, {r8-r11}
    add     r4, r4, r8
    add     r5, r5, r9
    add     r6, r6, r10
    add     r7, r7, r11
    ldr     r12, [r2]
    cbz     r0, 2f
    lstm_narrow lr, r12
    ldrsh   r9, [r0, #2]
    ldrsh   r8, [r0], #8
    mla     r4, r8, lr, r4
    mla     r5, r9, lr, r5
2:
    @ (B) of i, f, g
    ldmia   r1!, {r8-r11}
    str     r1, [sp, #GATES]
    ldr     r1, [sp, #TABLES]
    lstm_mul_high r4, r8
    lstm_mul_high r5, r9
    lstm_mul_high r6, r10
    lstm_sigmoid r4, r8, r9, r10, r1
    lstm_sigmoid r5, r8, r9, r10, r1
    lstm_tanh r6, r8, r9, r10, r1
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
    lstm_narrow lr, r12
    ldrsh   r8, [r0, #-2]
    mla     r7, r8, lr, r7
4:
    lstm_mul_high r7, r11
    lstm_sigmoid r7, r8, r9, r10, r1
    @ (D)
    ldr     r8, [sp, #SQUASH]
    asr     r12, r12, r8
    add     r12, r12, #1
    asr     r12, r12, #1
    lstm_tanh r12, r8, r9, r10, r1
    ldr     pc, [sp, #TAIL]
    lstm_place lstm_nostd_v7m_tail
    mov     r8, #0x4000
    mla     r7, r7, r12, r8
    asr     r7, r7, #15
    strh    r7, [r3], #2
    lstm_place lstm_nostd_v7m_stored
    stmia   sp, {r0, r2, r3}
    ldr     r8, [sp, #CELL_END]
    cmp     r2, r8
    bne     lstm_nostd_v7m_rows
    lstm_place lstm_nostd_v7m_end
    ldr     r0, [sp, #Y_END]
    mov     sp, r0
    pop     {r4-r11, pc}
    @ The sum left the range: the nearest end.
5:
    asr     r12, r12, #31
    eor     r12, r12, #0x80000000
    b       3b

    lstm_place lstm_nostd_v7m_plain_loop
    lstm_part products
    ldmia   lr!, {r8-r11}
    ldrd    r0, r1, [r12], #8
    lstm_plain_row r4, r0
    lstm_plain_row r5, r1
    ldrd    r0, r1, [r12], #8
    lstm_plain_row r6, r0
    lstm_plain_row r7, r1
    ldr     r0, [sp, #Y_END]
    cmp     lr, r0
    bne     lstm_nostd_v7m_plain_loop
    ldr     pc, [sp, #AFTER]

    @ The sums of a group of rows
    .p2align 2
    lstm_place lstm_nostd_v7m_group
    lstm_part rest
    str     r12, [sp, #WEIGHTS]
    add     r0, sp, #G_SUMS
    stmia   r0, {r4-r7}
    mov     r7, r0
    lstm_place lstm_nostd_v7m_finish
    lstm_finish lstm_nostd_v7m, r12, FIRST

    @ A row in no group, four weights in a word, to r4.
    .p2align 2
    lstm_place lstm_nostd_v7m_row
    lstm_part products
    lstm_row_of_rest
1:
    ldmia   lr!, {r8-r11}
    ldr     r0, [r12], #4
    eors    r0, r0, r1
    lstm_row r4, r0
    cmp     lr, r2
    bne     1b
    lstm_place lstm_nostd_v7m_row_end
    lstm_part rest
    str     r12, [sp, #WEIGHTS]
    add     r7, sp, #G_SUMS_END-4
    str     r4, [r7]
    b       lstm_nostd_v7m_finish
    lstm_end lstm_nostd_v7m_step
