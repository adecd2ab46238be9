@ One time step of an LSTM layer for ARMv7E-M and ARMv8-M with the DSP extension; `dsp.rs` explains it.
@
@ r0 points to the words of `dsp::Frame`, which are copied to the stack but for the last one:
    .equ TABLES, 0          @ sigmoid, then tanh at 512
    .equ PEEPHOLES, 4       @ running pointers, in this order for one load and one store of all
    .equ GATES, 8
    .equ CELL, 12
    .equ NEXT, 16
    .equ ROUND, 20          @ 0x4000
    .equ CELL_END, 24
    .equ HALF, 28           @ rounding of i*g
    .equ SHIFT, 32          @ its shift
    .equ ROUND_CELL, 36     @ 0x8000
    .equ SQUASH, 40         @ 2^(13+m): the cell times it, upper word, is Q3.12
    .equ TAIL, 44           @ where a unit ends: (H)
    .equ NARROW, 48         @ (H) of int8: what o*tanh is taken from, and a shift
    .equ X_ENTRY, 56        @ address in the loop
    .equ X_NEXT, 60         @ what comes after the last block in it
    .equ X_END, 64
    .equ X_EXIT, 68         @ address past the loop
    .equ X, 72
    .equ H_ENTRY, 76
    .equ H_NEXT, 80
    .equ H_END, 84
    .equ H_EXIT, 88
    .equ H, 92
    .equ SCALE, 96          @ 2^k
    .equ START, 100         @ of nibbles: what P begins with, 64 bits, and what the other sums begin with
    .equ UNIT, 112          @ where a unit or a group of rows begins: its sums
    .equ F_WEIGHTS, 116
    .equ FRAME, 116

@ Sixteen products, four inputs to four rows. P = 256*a + b in 64 bits, L = b in 32.
@ Pair A (i, f): P in r0,r1 and L in r2. Pair B (g, o): P in r3,r4 and L in r5.
@ r6 walks the weights, r7 the activations. Every instruction has four bytes.
.macro lstm_block
    ldrd    r8, r9, [r7], #8
    ldmia   r6!, {r10, r11, r12, lr}
    smlald  r0, r1, r10, r8
    sxtb16  r10, r10
    smlald  r3, r4, r11, r8
    sxtb16  r11, r11
    smlald  r0, r1, r12, r9
    sxtb16  r12, r12
    smlald  r3, r4, lr, r9
    sxtb16  lr, lr
    smlad   r2, r10, r8, r2
    smlad   r5, r11, r8, r5
    smlad   r2, r12, r9, r2
    smlad   r5, lr, r9, r5
.endm

@ The last one or two inputs of a part whose length is 1 or 2 modulo 4: eight products, 32 bytes.
.macro lstm_half_block
    ldr     r8, [r7]
    ldrd    r10, r11, [r6], #16
    smlald  r0, r1, r10, r8
    sxtb16  r10, r10
    smlald  r3, r4, r11, r8
    sxtb16  r11, r11
    smlad   r2, r10, r8, r2
    smlad   r5, r11, r8, r5
.endm

@ a = (P >> 8) - (L >> 8), exact modulo 2^32: the rows i, f, g, o to r0, r2, r3, r5.
.macro lstm_rows_of_pairs
    lsr     r0, r0, #8
    lsr     r3, r3, #8
    orr     r0, r0, r1, lsl #24
    orr     r3, r3, r4, lsl #24
    sub     r0, r0, r2, asr #8
    sub     r3, r3, r5, asr #8
.endm

@ Two times two products of the row in \w: inputs 0 and 2 are in r4, 1 and 3 in r8.
.macro lstm_plain_row sum, w
    sxtb16  lr, \w
    smlad   \sum, lr, r4, \sum
    sxtb16  lr, \w, ror #8
    smlad   \sum, lr, r8, \sum
.endm

@ Four activations at r7: 0 and 2 to r4, 1 and 3 to r8.
.macro lstm_plain_inputs
    ldrd    r8, r9, [r7], #8
    pkhbt   r4, r8, r9, lsl #16
    pkhtb   r8, r9, r8, asr #16
.endm

@ Blocks in the generic order from r6, activations from r7 to r1, to r0, r2, r3, r5.
.macro lstm_plain_part
1:
    lstm_plain_inputs
    ldmia   r6!, {r9-r12}
    lstm_plain_row r0, r9
    lstm_plain_row r2, r10
    lstm_plain_row r3, r11
    lstm_plain_row r5, r12
    cmp     r7, r1
    bne     1b
.endm

@ (T1) from \b and \e with t in \a, to \b.
.macro lstm_curve a, b, e
    smlabb  \e, \e, \a, \e
    smlawb  \b, \e, \a, \b
.endm

@ \v = mul_high(\v, \m)
.macro lstm_mul_high v, m
    smmulr  \v, \v, \m
.endm

@ (H) of int16: o in r5, tanh in r11. The next unit begins at \unit; without one, what follows is executed.
.macro lstm_tail unit
    ldrd    r1, r12, [sp, #ROUND]
    smlabb  r5, r5, r11, r1
    asr     r5, r5, #15
    strh    r5, [r10], #2
    stmia   sp, {r4, r7, r8, r9, r10}
    cmp     r9, r12
    bne.w   \unit
.endm

    @ Compilers that scan the assembly of a library for symbols do not know its CPU.
    .cpu cortex-m33
    lstm_function lstm_nostd_dsp_step
    push    {r4-r11, lr}
    sub     sp, sp, #FRAME
    mov     r12, sp
    ldmia   r0!, {r1-r11, lr}
    stmia   r12!, {r1-r11, lr}
    ldmia   r0!, {r1-r11, lr}
    stmia   r12!, {r1-r11, lr}
    ldmia   r0, {r1-r6}             @ r6: weights
    stmia   r12, {r1-r5}
    ldr     pc, [sp, #UNIT]

    .p2align 2
    lstm_place lstm_nostd_dsp_pairs
    lstm_part products
    @ (A), inputs. The first block sets the accumulators; two products of lanes fit 32 bits.
    ldr     r7, [sp, #X]
    ldrd    r8, r9, [r7], #8
    ldmia   r6!, {r10, r11, r12, lr}
    smuad   r0, r10, r8
    sxtb16  r10, r10
    smuad   r3, r11, r8
    sxtb16  r11, r11
    asr     r1, r0, #31
    asr     r4, r3, #31
    smuad   r2, r10, r8
    smuad   r5, r11, r8
    smlald  r0, r1, r12, r9
    sxtb16  r12, r12
    smlald  r3, r4, lr, r9
    sxtb16  lr, lr
    smlad   r2, r12, r9, r2
    smlad   r5, lr, r9, r5
    ldr     pc, [sp, #X_ENTRY]
    .p2align 2
    lstm_place lstm_nostd_dsp_pairs_x_loop
    lstm_part products
    .rept 3
    lstm_block
    .endr
    ldr     pc, [sp, #X_NEXT]
    lstm_place lstm_nostd_dsp_pairs_x_end
    lstm_part products
    ldr     r12, [sp, #X_END]
    cmp     r7, r12
    bne.w   lstm_nostd_dsp_pairs_x_loop
    ldr     pc, [sp, #X_EXIT]
    .p2align 2
    lstm_place lstm_nostd_dsp_pairs_x_half
    lstm_part products
    lstm_half_block
    @ Shift by k: 32 bytes with the jump
    ldrd    r7, r12, [sp, #H]
    umull   r0, r8, r0, r12
    umull   r3, r9, r3, r12
    mul     r2, r2, r12
    mul     r5, r5, r12
    mla     r1, r1, r12, r8
    mla     r4, r4, r12, r9
    @ (A), hidden state
    ldr     pc, [sp, #H_ENTRY]
    ldr     r7, [sp, #H]
    ldr     pc, [sp, #H_ENTRY]
    .p2align 2
    lstm_place lstm_nostd_dsp_pairs_h_loop
    lstm_part products
    .rept 16
    lstm_block
    .endr
    ldr     pc, [sp, #H_NEXT]
    lstm_place lstm_nostd_dsp_pairs_h_end
    lstm_part products
    ldr     r12, [sp, #H_END]
    cmp     r7, r12
    bne.w   lstm_nostd_dsp_pairs_h_loop
    ldr     pc, [sp, #H_EXIT]
    .p2align 2
    lstm_place lstm_nostd_dsp_pairs_h_half
    lstm_part products
    lstm_half_block
    lstm_part rest

    lstm_rows_of_pairs
    lstm_place lstm_nostd_dsp_sums
    ldmia   sp, {r4, r7, r8, r9, r10}
    ldmia   r8!, {r1, r11, r12, lr}
    add     r0, r0, r1
    add     r2, r2, r11
    add     r3, r3, r12
    add     r5, r5, lr
    @ (B) of i, f, g: the narrow cell is the upper half of lr.
    cbz     r7, 1f
    ldr     r11, [r9]
    ldr     r1, [r7], #8
    mov     r12, #0x8000
    qadd    lr, r11, r12
    smlabt  r0, r1, lr, r0
    smlatt  r2, r1, lr, r2
1:
    ldmia   r8!, {r1, r11, r12, lr}
    smmulr  r0, r0, r1
    smmulr  r2, r2, r11
    smmulr  r3, r3, r12
    lstm_sigmoid r0, r1, r12, r11, r4
    lstm_sigmoid r2, r1, r12, r11, r4
    lstm_tanh    r3, r1, r12, r11, r4
    @ (C)
    ldr     r11, [r9]
    lsl     r2, r2, #16
    smmulr  r2, r2, r11
    ldrd    r1, r12, [sp, #HALF]
    smlabb  r0, r0, r3, r1
    asr     r0, r0, r12
    qdadd   r11, r0, r2
    str     r11, [r9], #4
    @ (B) of o
    ldrd    r2, r3, [sp, #ROUND_CELL]
    cbz     r7, 2f
    ldr     r1, [r7, #-4]
    qadd    r12, r11, r2
    smlatt  r5, r1, r12, r5
2:
    smmulr  r11, r11, r3
    smmulr  r5, r5, lr
    lstm_sigmoid r5, r1, r12, r2, r4
    @ (D)
    lstm_tanh    r11, r1, r12, r2, r4
    ldr     pc, [sp, #TAIL]
    .p2align 2
    lstm_place lstm_nostd_dsp_pairs_tail
    lstm_tail lstm_nostd_dsp_pairs
    lstm_place lstm_nostd_dsp_end
    add     sp, sp, #FRAME
    pop     {r4-r11, pc}

    @ (A) from weights in the generic order, in 32 bits.
    .p2align 2
    lstm_place lstm_nostd_dsp_plain
    lstm_part products
    movs    r0, #0
    movs    r2, #0
    movs    r3, #0
    movs    r5, #0
    ldr     r7, [sp, #X]
    ldr     r1, [sp, #X_END]
    lstm_plain_part
    ldr     r12, [sp, #SCALE]
    mul     r0, r0, r12
    mul     r2, r2, r12
    mul     r3, r3, r12
    mul     r5, r5, r12
    ldr     r7, [sp, #H]
    ldr     pc, [sp, #H_ENTRY]
    .p2align 2
    lstm_place lstm_nostd_dsp_plain_h
    lstm_part products
    ldr     r1, [sp, #H_END]
    lstm_plain_part
    ldr     pc, [sp, #H_EXIT]
    .p2align 2
    lstm_place lstm_nostd_dsp_plain_tail
    lstm_tail lstm_nostd_dsp_plain
    b       lstm_nostd_dsp_end

    @ The sums of a group of rows, which has no hidden state
    .p2align 2
    lstm_place lstm_nostd_dsp_pairs_group
    lstm_part rest
    lstm_rows_of_pairs
    lstm_place lstm_nostd_dsp_group
    add     r7, sp, #G_SUMS
    stmia   r7, {r0, r2, r3, r5}
    lstm_place lstm_nostd_dsp_finish
    lstm_finish lstm_nostd_dsp, r6, UNIT

    @ A row in no group, four weights in a word, to r0.
    .p2align 2
    lstm_place lstm_nostd_dsp_row
    lstm_part products
    movs    r0, #0
    ldr     r7, [sp, #X]
    ldr     r1, [sp, #X_END]
1:
    lstm_plain_inputs
    ldr     r9, [r6], #4
    lstm_plain_row r0, r9
    cmp     r7, r1
    bne     1b
    lstm_place lstm_nostd_dsp_row_end
    lstm_part rest
    add     r7, sp, #G_SUMS_END-4
    str     r0, [r7]
    b       lstm_nostd_dsp_finish
    lstm_end lstm_nostd_dsp_step

    @ r2 lanes of two bytes from r1 to r0
    lstm_function lstm_nostd_dsp_copy
    push    {r4-r10, lr}
    subs    r2, r2, #16
    blo     2f
1:
    ldmia   r1!, {r3-r10}
    stmia   r0!, {r3-r10}
    subs    r2, r2, #16
    bhs     1b
2:
    @ The lower bits of r2 count what is left: eight, four, two, one.
    lsls    r3, r2, #28
    beq     3f
    lsls    r3, r2, #29
    itt     cs
    ldmiacs r1!, {r4-r7}
    stmiacs r0!, {r4-r7}
    itt     mi
    ldrdmi  r4, r5, [r1], #8
    strdmi  r4, r5, [r0], #8
    lsls    r3, r2, #31
    itt     cs
    ldrcs   r4, [r1], #4
    strcs   r4, [r0], #4
    itt     mi
    ldrhmi  r4, [r1]
    strhmi  r4, [r0]
3:
    pop     {r4-r10, pc}
    lstm_end lstm_nostd_dsp_copy
