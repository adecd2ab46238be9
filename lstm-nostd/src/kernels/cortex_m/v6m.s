@ One time step of an LSTM layer for ARMv6-M; `v6m.rs` explains it.
@
@ r0 points to `v6m::Frame`:
    .equ F_X, 0             @ first and past the last byte
    .equ F_H, 8
    .equ F_X_SHIFT, 16
    .equ F_H_SHIFT, 20
    .equ F_Y_BYTES, 24
    .equ F_PREPARE, 28      @ computes y
    .equ F_KEPT, 32         @ eighteen words

@ The stack holds, below the activations (Y):
    .equ GATES, 0           @ running pointers
    .equ PEEPHOLES, 4
    .equ CELL, 8
    .equ NEXT, 12
    .equ LEFT, 16           @ units
    .equ HALF, 20           @ rounding of i*g
    .equ SHIFT, 24          @ its shift
    .equ SQUASH, 28         @ shift of the cell to Q3.12, less one
    .equ TABLES, 32         @ sigmoid, then tanh at 512
    .equ CENTRE, 36         @ 0x4000
    .equ MOST, 40           @ 0x7fff
    .equ NARROW, 44         @ (H) of int8: what o*tanh is taken from, and a shift
    .equ TAIL, 52           @ where a unit ends: (H)
    .equ WEIGHTS, 56        @ running pointer
    .equ ENTRY, 60          @ address in the loops
    .equ OFFSETS, 64        @ what turns words of weights in generic order into such as the loop reads
    .equ START, 68          @ (Y3), first the factor of the sum of activations
    .equ Y, 72
    .equ Y_END, 76
    .equ FRAME, 84          @ keeps the stack on a boundary of 8 bytes, with 36 bytes of registers

@ Four activations of \bytes at r4, shifted by r7, to r0 to r3.
.macro lstm_four load, bytes
    movs    r6, #3*\bytes
    \load   r3, [r4, r6]
    movs    r6, #2*\bytes
    \load   r2, [r4, r6]
    movs    r6, #\bytes
    \load   r1, [r4, r6]
    movs    r6, #0
    \load   r0, [r4, r6]
    lsls    r3, r7
    lsls    r2, r7
    lsls    r1, r7
    lsls    r0, r7
    adds    r4, #4*\bytes
.endm

@ (Y2) for digits of \bits, but for r0. r8 sums what has an offset.
.macro lstm_digits bits
    add     r8, r2
    add     r8, r1
    add     r8, r0
    lsls    r6, r2, #\bits
    subs    r3, r3, r6
    lsls    r6, r1, #\bits
    subs    r2, r2, r6
    lsls    r6, r0, #\bits
    subs    r1, r1, r6
.endm

@ (Y1), (Y2) for the activations from r4 to r9, to r5.
.macro lstm_activations load, bytes
1:
    lstm_four \load, \bytes
    lstm_digits 8
    stmia   r5!, {r0-r3}
    cmp     r4, r9
    bne     1b
    bx      lr
.endm

@ Four products of a row, whose word is in \w; activations in r2 to r5.
.macro lstm_row sum, w
    asrs    r1, \w, #24
    muls    r1, r5, r1
    add     \sum, r1
    asrs    r1, \w, #16
    muls    r1, r4, r1
    add     \sum, r1
    asrs    r1, \w, #8
    muls    r1, r3, r1
    add     \sum, r1
    muls    \w, r2, \w
    add     \sum, \w
.endm

@ The next block's activations, from r12.
.macro lstm_next
    mov     r1, r12
    ldmia   r1!, {r2-r5}
    mov     r12, r1
.endm

@ Sixteen products: weights at r6, sums in r8 to r11. 98 bytes of instructions.
.macro lstm_block
    lstm_next
    ldmia   r6!, {r0, r7}
    lstm_row r8, r0
    lstm_row r9, r7
    ldmia   r6!, {r0, r7}
    lstm_row r10, r0
    lstm_row r11, r7
.endm

@ The same for weights without offsets, which r7 holds.
.macro lstm_plain_row sum
    ldmia   r6!, {r0}
    eors    r0, r7
    lstm_row \sum, r0
.endm
.macro lstm_plain_block
    lstm_next
    lstm_plain_row r8
    lstm_plain_row r9
    lstm_plain_row r10
    lstm_plain_row r11
.endm

@ r3 = mul_high(\acc, multiplier at r7 + \at), from four products of halves.
.macro lstm_mul_high acc, at
    mov     r0, \acc
    ldr     r1, [r7, #\at]
    asrs    r2, r0, #16
    uxth    r0, r0
    asrs    r3, r1, #16
    uxth    r1, r1
    movs    r4, r2
    muls    r4, r1, r4
    muls    r1, r0, r1
    muls    r0, r3, r0
    muls    r3, r2, r3
    lsrs    r1, r1, #16
    uxth    r5, r4
    adds    r1, r1, r5
    asrs    r4, r4, #16
    adds    r3, r3, r4
    uxth    r5, r0
    adds    r1, r1, r5
    asrs    r0, r0, #16
    adds    r3, r3, r0
    lsrs    r1, r1, #15
    adds    r1, #1
    lsrs    r1, r1, #1
    adds    r3, r3, r1
.endm

@ r0 = (T1), (T2) of `activation` at r3, which need not be clamped yet. r12 points to both tables, lr is 0x7fff.
.macro lstm_curve bits, guard, segment
    lstm_part activations
    asrs    r6, r3, #31
    eors    r3, r6
    subs    r3, r3, r6
    cmp     r3, lr
    ble     1f
    mov     r3, lr
1:
    lsrs    r0, r3, #\bits
    .if \segment
    adds    r0, #\segment
    .endif
    lsls    r0, r0, #3
    add     r0, r12
    ldmia   r0!, {r1, r2}
    lsls    r3, r3, #32-\bits
    lsrs    r3, r3, #32-\bits
    sxth    r0, r2
    muls    r0, r3, r0
    adds    r2, r2, r0
    asrs    r0, r2, #16
    muls    r0, r3, r0
    uxth    r2, r2
    muls    r2, r3, r2
    lsrs    r2, r2, #16
    adds    r0, r0, r2
    adds    r0, r0, r1
    asrs    r0, r0, #\guard
    eors    r0, r6
    subs    r0, r0, r6
.endm
.macro lstm_sigmoid
    lstm_curve 9, 10, 0
    ldr     r1, [sp, #CENTRE]
    adds    r0, r0, r1
    lstm_part rest
.endm
.macro lstm_tanh
    lstm_curve 8, 9, 64
    lstm_part rest
.endm

@ r0 = the cell in r0, narrowed.
.macro lstm_narrow
    asrs    r0, r0, #15
    adds    r0, #1
    asrs    r0, r0, #1
    cmp     r0, lr
    ble     2f
    mov     r0, lr
2:
.endm

@ Adds the narrow cell in r0 times the peephole at r6 + \at.
.macro lstm_peephole acc, at
    movs    r1, #\at
    ldrsh   r2, [r6, r1]
    muls    r2, r0, r2
    add     \acc, r2
.endm

    .pushsection .text.lstm_nostd_v6m_step, "ax", %progbits
    .p2align 2
    .global lstm_nostd_v6m_step
    .type   lstm_nostd_v6m_step, %function
    .thumb_func
lstm_nostd_v6m_step:
    push    {r4-r7, lr}
    mov     r4, r8
    mov     r5, r9
    mov     r6, r10
    mov     r7, r11
    push    {r4-r7}
    mov     r10, r0
    ldr     r6, [r0, #F_Y_BYTES]
    mov     r3, sp
    subs    r5, r3, r6
    mov     r12, r5
    mov     r1, r5
    subs    r1, #FRAME
    mov     sp, r1
    str     r5, [r1, #Y]
    str     r3, [r1, #Y_END]
    adds    r0, #F_KEPT
    .rept 3
    ldmia   r0!, {r2-r7}
    stmia   r1!, {r2-r7}
    .endr
    mov     r5, r12
    mov     r0, r10
    movs    r4, #0
    mov     r8, r4
    ldr     r4, [r0, #F_PREPARE]
    mov     r11, r4
    ldr     r4, [r0, #F_X+4]
    mov     r9, r4
    ldr     r7, [r0, #F_X_SHIFT]
    ldr     r4, [r0, #F_X]
    blx     r11
    mov     r0, r10
    ldr     r4, [r0, #F_H+4]
    mov     r9, r4
    ldr     r7, [r0, #F_H_SHIFT]
    ldr     r4, [r0, #F_H]
    blx     r11
    @ (Y3)
    ldr     r0, [sp, #START]
    mov     r1, r8
    muls    r0, r1, r0
    str     r0, [sp, #START]

.Llstm_unit:
    lstm_part products
    @ (A)
    ldr     r0, [sp, #START]
    mov     r8, r0
    mov     r9, r0
    mov     r10, r0
    mov     r11, r0
    ldr     r0, [sp, #Y]
    mov     r12, r0
    ldr     r0, [sp, #Y_END]
    mov     lr, r0
    ldr     r6, [sp, #WEIGHTS]
    ldr     r7, [sp, #OFFSETS]
    ldr     r0, [sp, #ENTRY]
    bx      r0
    .p2align 2
    lstm_place lstm_nostd_v6m_loop
    lstm_part products
    lstm_block
    lstm_place lstm_nostd_v6m_second
    lstm_part products
    lstm_block
    cmp     r12, lr
    bne     lstm_nostd_v6m_loop
    lstm_place lstm_nostd_v6m_sums
    str     r6, [sp, #WEIGHTS]
    ldr     r7, [sp, #GATES]
    ldmia   r7!, {r0-r3}
    add     r8, r0
    add     r9, r1
    add     r10, r2
    add     r11, r3
    ldr     r0, [sp, #TABLES]
    mov     r12, r0
    ldr     r0, [sp, #MOST]
    mov     lr, r0
    ldr     r6, [sp, #PEEPHOLES]
    cmp     r6, #0
    beq     1f
    ldr     r0, [sp, #CELL]
    ldr     r0, [r0]
    lstm_narrow
    lstm_peephole r8, 0
    lstm_peephole r9, 2
1:
    @ (B) of i, f, g
    lstm_mul_high r8, 0
    lstm_sigmoid
    mov     r8, r0
    lstm_mul_high r9, 4
    lstm_sigmoid
    mov     r9, r0
    lstm_mul_high r10, 8
    lstm_tanh
    @ (C)
    mov     r1, r8
    muls    r0, r1, r0
    ldr     r1, [sp, #HALF]
    adds    r0, r0, r1
    ldr     r1, [sp, #SHIFT]
    asrs    r0, r1
    mov     r1, r9
    ldr     r2, [sp, #CELL]
    ldr     r3, [r2]
    asrs    r4, r3, #16
    muls    r4, r1, r4
    uxth    r3, r3
    muls    r3, r1, r3
    lsrs    r3, r3, #15
    adds    r3, #1
    lsrs    r3, r3, #1
    adds    r4, r4, r3
    lsls    r4, r4, #1
    adds    r0, r0, r4
    bvs     5f
3:
    stmia   r2!, {r0}
    str     r2, [sp, #CELL]
    mov     r10, r0
    @ (B) of o
    ldr     r6, [sp, #PEEPHOLES]
    cmp     r6, #0
    beq     4f
    lstm_narrow
    lstm_peephole r11, 6
    adds    r6, #8
    str     r6, [sp, #PEEPHOLES]
4:
    lstm_mul_high r11, 12
    adds    r7, #16
    str     r7, [sp, #GATES]
    lstm_sigmoid
    mov     r8, r0
    @ (D)
    mov     r3, r10
    ldr     r1, [sp, #SQUASH]
    asrs    r3, r1
    adds    r3, #1
    asrs    r3, r3, #1
    lstm_tanh
    mov     r1, r8
    muls    r0, r1, r0
    ldr     r2, [sp, #NEXT]
    ldr     r1, [sp, #TAIL]
    bx      r1
    @ The sum left the range: the nearest end.
5:
    asrs    r0, r0, #31
    movs    r1, #1
    lsls    r1, r1, #31
    eors    r0, r1
    b       3b
    lstm_place lstm_nostd_v6m_tail
    asrs    r0, r0, #14
    adds    r0, #1
    asrs    r0, r0, #1
    strh    r0, [r2]
    adds    r2, #2
    lstm_place lstm_nostd_v6m_stored
    str     r2, [sp, #NEXT]
    ldr     r0, [sp, #LEFT]
    subs    r0, #1
    str     r0, [sp, #LEFT]
    beq     6f
    ldr     r0, =.Llstm_unit + 1
    bx      r0
6:
    ldr     r0, [sp, #Y_END]
    mov     sp, r0
    pop     {r4-r7}
    mov     r8, r4
    mov     r9, r5
    mov     r10, r6
    mov     r11, r7
    pop     {r4-r7, pc}
    .ltorg

    .p2align 2
    lstm_place lstm_nostd_v6m_plain_loop
    lstm_part products
    lstm_plain_block
    lstm_place lstm_nostd_v6m_plain_second
    lstm_part products
    lstm_plain_block
    cmp     r12, lr
    bne     lstm_nostd_v6m_plain_loop
    ldr     r0, =lstm_nostd_v6m_sums
    bx      r0
    .ltorg

    lstm_place lstm_nostd_v6m_int16
    lstm_activations ldrsh, 2
    .size   lstm_nostd_v6m_step, . - lstm_nostd_v6m_step
    .popsection

    @ int8 activations
    .pushsection .text.lstm_nostd_v6m_int8, "ax", %progbits
    .p2align 2
    lstm_place lstm_nostd_v6m_int8
    lstm_activations ldrsb, 1

    @ (H), first with the other sign.
    .p2align 2
    lstm_place lstm_nostd_v6m_int8_tail
    ldr     r1, [sp, #NARROW]
    subs    r0, r1, r0
    ldr     r1, [sp, #NARROW+4]
    asrs    r0, r1
    movs    r1, #127
    cmp     r0, r1
    ble     1f
    mov     r0, r1
1:
    rsbs    r0, r0, #0
    cmp     r0, r1
    ble     2f
    mov     r0, r1
2:
    strb    r0, [r2]
    adds    r2, #1
    ldr     r1, =lstm_nostd_v6m_stored
    bx      r1
    .ltorg
    .size   lstm_nostd_v6m_int8, . - lstm_nostd_v6m_int8
    .popsection

    @ The groups of a dense layer: `dense.rs` explains it. The stack holds, below the activations, the last argument
    @ of what is called, that function, both ends of the activations, (Y3), and the running weights.
    .pushsection .text.lstm_nostd_v6m_dense, "ax", %progbits
    .p2align 2
    .global lstm_nostd_v6m_dense
    .type   lstm_nostd_v6m_dense, %function
    .thumb_func
lstm_nostd_v6m_dense:
    push    {r4-r7, lr}
    mov     r4, r8
    mov     r5, r9
    mov     r6, r10
    mov     r7, r11
    push    {r4-r7}
    ldr     r6, [r0, #D_LANES]
    lsls    r6, r6, #2
    mov     r3, sp
    subs    r5, r3, r6
    mov     r1, r5
    subs    r1, #28
    mov     sp, r1
    str     r5, [r1, #8]
    str     r3, [r1, #12]
    ldr     r2, [r0, #D_ROWS]
    str     r2, [r1]
    ldr     r2, [r0, #D_NEXT]
    str     r2, [r1, #4]
    ldr     r2, [r0, #D_WEIGHTS]
    str     r2, [r1, #20]
    movs    r7, #0
    mov     r8, r7
    ldr     r4, [r0, #D_X+4]
    mov     r9, r4
    ldr     r4, [r0, #D_X]
1:
    lstm_four ldrsh, 2
    lstm_digits 8
    stmia   r5!, {r0-r3}
    cmp     r4, r9
    bne     1b
    mov     r0, r8
    lsls    r0, r0, #7
    rsbs    r0, r0, #0
    str     r0, [sp, #16]
.Llstm_dense:
    lstm_part products
    ldr     r0, [sp, #16]
    mov     r8, r0
    mov     r9, r0
    mov     r10, r0
    mov     r11, r0
    ldr     r0, [sp, #8]
    mov     r12, r0
    ldr     r0, [sp, #12]
    mov     lr, r0
    ldr     r6, [sp, #20]
1:
    lstm_block
    cmp     r12, lr
    bne     1b
    lstm_part rest
    str     r6, [sp, #20]
    mov     r0, r8
    mov     r1, r9
    mov     r2, r10
    mov     r3, r11
    ldr     r4, [sp, #4]
    blx     r4
    cmp     r0, #0
    bne     .Llstm_dense
    ldr     r0, [sp, #12]
    mov     sp, r0
    pop     {r4-r7}
    mov     r8, r4
    mov     r9, r5
    mov     r10, r6
    mov     r11, r7
    pop     {r4-r7, pc}
    .size   lstm_nostd_v6m_dense, . - lstm_nostd_v6m_dense
    .popsection
