@ One time step of an LSTM layer for ARMv6-M; `v6m.rs` explains it.
@
@ r0 points to `v6m::Frame`:
    .equ F_X, 0             @ first and past the last byte
    .equ F_H, 8
    .equ F_X_SHIFT, 16
    .equ F_H_SHIFT, 20
    .equ F_Y_BYTES, 24
    .equ F_PREPARE, 28      @ computes y
    .equ F_KEPT, 32         @ twenty words

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
    .equ FIRST, 72          @ where to go with the activations
    .equ AFTER, 76          @ where to go with the sums
    .equ Y, 80
    .equ Y_END, 84
    .equ FRAME, 92          @ keeps the stack on a boundary of 8 bytes, with 36 bytes of registers
@ or, where no units follow from sums, the words of `dense::Finish` in place of the first ones:
    .equ G_ROWS, 0          @ running pointers to biases with multipliers, and to outputs
    .equ G_Y, 4
    .equ G_ROWS_END, 8
    .equ G_SHIFT, 12
    .equ G_STORE, 16        @ where an output is stored
    .equ G_REST, 20         @ end of the groups' weights: rows that lie in none
    .equ G_OFFSETS, 24      @ what turns their words into such as the loops read
    .equ G_ROW, 28          @ where one of them begins
    .equ G_SUMS, 32
    .equ G_SUMS_END, 48

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
    b       2f
1:
    lstm_four \load, \bytes
    lstm_digits 8
    stmia   r5!, {r0-r3}
2:
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

@ A row in no group: its sum to r8, y to r2, their end to lr, its words to r6, what they are combined with to r7.
.macro lstm_row_of_rest
    ldr     r0, [sp, #START]
    mov     r8, r0
    ldr     r0, [sp, #Y_END]
    mov     lr, r0
    ldr     r2, [sp, #Y]
    ldr     r6, [sp, #WEIGHTS]
    ldr     r7, [sp, #G_OFFSETS]
.endm

@ r0 between 0 and r1
.macro lstm_relu
    asrs    r3, r0, #31
    bics    r0, r3
    cmp     r0, r1
    ble     1f
    mov     r0, r1
1:
.endm

@ r3 = mul_high(\acc, multiplier at r7 + \at), from four products of halves.
.macro lstm_mul_high acc, at
    .ifnc   \acc, r0
    mov     r0, \acc
    .endif
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
    @ A product of a signed half and an unsigned one leaves room for an unsigned half.
    lsrs    r1, r1, #16
    adds    r4, r4, r1
    uxth    r5, r4
    adds    r0, r0, r5
    asrs    r4, r4, #16
    adds    r3, r3, r4
    asrs    r0, r0, #15
    adds    r0, #1
    asrs    r0, r0, #1
    adds    r3, r3, r0
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

    lstm_function lstm_nostd_v6m_step
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
    .rept 4
    ldmia   r0!, {r2-r6}
    stmia   r1!, {r2-r6}
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
    ldr     r0, [sp, #FIRST]
    bx      r0

    .p2align 2
    lstm_place lstm_nostd_v6m_rows
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
    ldr     r0, [sp, #AFTER]
    bx      r0

    .p2align 2
    lstm_place lstm_nostd_v6m_unit
    lstm_part products
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
    ldr     r0, [sp, #FIRST]
    bx      r0
    lstm_place lstm_nostd_v6m_end
6:
    ldr     r0, [sp, #Y_END]
    mov     sp, r0
    pop     {r4-r7}
    mov     r8, r4
    mov     r9, r5
    mov     r10, r6
    mov     r11, r7
    pop     {r4-r7, pc}

    .p2align 2
    lstm_place lstm_nostd_v6m_plain_loop
    lstm_part products
    lstm_plain_block
    lstm_place lstm_nostd_v6m_plain_second
    lstm_part products
    lstm_plain_block
    cmp     r12, lr
    bne     lstm_nostd_v6m_plain_loop
    ldr     r0, [sp, #AFTER]
    bx      r0

    @ A row in no group, four weights in a word, to r8.
    .p2align 2
    lstm_place lstm_nostd_v6m_row
    lstm_part products
    lstm_row_of_rest
    mov     r12, r2
1:
    lstm_next
    lstm_plain_row r8
    cmp     r12, lr
    bne     1b
    lstm_place lstm_nostd_v6m_row_end
    lstm_part rest
    str     r6, [sp, #WEIGHTS]
    add     r6, sp, #G_SUMS_END-4
    mov     r0, r8
    str     r0, [r6]
    b       1f

    @ (E) of a group of rows, then of those whose sums lie at r6 up to G_SUMS_END. r8 walks the outputs.
    .p2align 2
    lstm_place lstm_nostd_v6m_group
    lstm_part rest
    str     r6, [sp, #WEIGHTS]
    mov     r4, r8
    mov     r5, r9
    mov     r6, r10
    mov     r7, r11
    add     r0, sp, #G_SUMS
    stmia   r0!, {r4-r7}
    add     r6, sp, #G_SUMS
1:
    ldr     r7, [sp, #G_ROWS]
    ldr     r0, [sp, #G_Y]
    mov     r8, r0
    ldr     r0, [sp, #G_ROWS_END]
    mov     r9, r0
    add     r0, sp, #G_SUMS_END
    mov     r10, r0
2:
    ldmia   r6!, {r0}
    ldmia   r7!, {r1}
    adds    r0, r0, r1
    lstm_mul_high r0, 0
    adds    r7, #4
    ldr     r1, [sp, #G_SHIFT]
    movs    r0, r3
    lsls    r0, r1
    movs    r2, r0
    asrs    r2, r1
    cmp     r2, r3
    beq     3f
    @ The nearest end
    asrs    r3, r3, #31
    movs    r0, #1
    lsls    r0, r0, #31
    mvns    r0, r0
    eors    r0, r3
3:
    mov     r2, r8
    ldr     r1, [sp, #G_STORE]
    bx      r1
    .p2align 2
    lstm_place lstm_nostd_v6m_values
    stmia   r2!, {r0}
4:
    mov     r8, r2
    cmp     r7, r9
    bne     6f
    b       lstm_nostd_v6m_end
6:
    cmp     r6, r10
    bne     2b
    str     r7, [sp, #G_ROWS]
    str     r2, [sp, #G_Y]
    ldr     r0, [sp, #FIRST]
    ldr     r1, [sp, #WEIGHTS]
    ldr     r2, [sp, #G_REST]
    cmp     r1, r2
    bne     5f
    ldr     r0, [sp, #G_ROW]
    str     r0, [sp, #FIRST]
5:
    bx      r0
    .p2align 2
    lstm_place lstm_nostd_v6m_relu_int16
    movs    r1, #1
    lsls    r1, r1, #15
    subs    r1, #1
    lstm_relu
    strh    r0, [r2]
    adds    r2, #2
    b       4b
    .p2align 2
    lstm_place lstm_nostd_v6m_relu_int8
    movs    r1, #127
    lstm_relu
    strb    r0, [r2]
    adds    r2, #1
    b       4b

    lstm_place lstm_nostd_v6m_int16
    lstm_activations ldrsh, 2
    lstm_end lstm_nostd_v6m_step

    @ int8 activations
    lstm_function lstm_nostd_v6m_int8
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
    lstm_end lstm_nostd_v6m_int8
