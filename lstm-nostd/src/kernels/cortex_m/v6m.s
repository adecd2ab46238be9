@ One time step of an LSTM layer for ARMv6-M; `v6m.rs` explains it.
@
@ r0 points to `v6m::Frame`:
    .equ F_X, 0             @ first and past the last block
    .equ F_H, 8
    .equ F_X_SHIFT, 16
    .equ F_OFFSETS, 20      @ 0x00808080, or 0 for weights with offsets
    .equ F_Y_BYTES, 24
    .equ F_WEIGHTS, 28
    .equ F_UNIT, 32         @ the elementwise part
    .equ F_UNITS, 36        @ what it works on

@ The stack holds, below the activations (Y), first what the elementwise part takes from there:
    .equ UNITS, 0
    .equ WEIGHTS, 4         @ running pointer
    .equ UNIT, 8
    .equ Y, 12
    .equ Y_END, 16
    .equ ENTRY, 20          @ address in the loops
    .equ OFFSETS, 24
    .equ START, 28          @ (Y3)
    .equ FRAME, 36          @ keeps the stack on a boundary of 8 bytes, with 36 bytes of registers

@ (Y1), (Y2) for the blocks from r4 to r9, to r5; r7 is k. r8 sums what has an offset.
.macro lstm_activations
1:
    movs    r6, #6
    ldrsh   r3, [r4, r6]
    movs    r6, #4
    ldrsh   r2, [r4, r6]
    movs    r6, #2
    ldrsh   r1, [r4, r6]
    movs    r6, #0
    ldrsh   r0, [r4, r6]
    lsls    r3, r7
    lsls    r2, r7
    lsls    r1, r7
    lsls    r0, r7
    add     r8, r2
    add     r8, r1
    add     r8, r0
    lsls    r6, r2, #8
    subs    r3, r3, r6
    lsls    r6, r1, #8
    subs    r2, r2, r6
    lsls    r6, r0, #8
    subs    r1, r1, r6
    stmia   r5!, {r0-r3}
    adds    r4, #8
    cmp     r4, r9
    bne     1b
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
    ldr     r6, [r0, #F_Y_BYTES]
    mov     r3, sp
    subs    r5, r3, r6
    mov     r1, r5
    subs    r1, #FRAME
    mov     sp, r1
    str     r5, [r1, #Y]
    str     r3, [r1, #Y_END]
    ldr     r2, [r0, #F_WEIGHTS]
    str     r2, [r1, #WEIGHTS]
    ldr     r2, [r0, #F_UNIT]
    str     r2, [r1, #UNIT]
    mov     r2, r0
    adds    r2, #F_UNITS
    str     r2, [r1, #UNITS]
    ldr     r2, [r0, #F_OFFSETS]
    str     r2, [r1, #OFFSETS]
    @ An odd number of blocks: the loops are entered at their second.
    lsls    r3, r6, #27
    lsrs    r3, r3, #31
    ldr     r4, =.Llstm_loop
    cmp     r2, #0
    beq     1f
    ldr     r4, =.Llstm_plain_loop
    cmp     r3, #0
    beq     2f
    ldr     r4, =.Llstm_plain_second
    b       2f
1:
    cmp     r3, #0
    beq     2f
    ldr     r4, =.Llstm_second
2:
    movs    r3, #1
    orrs    r4, r3
    str     r4, [r1, #ENTRY]
    movs    r4, #0
    mov     r8, r4
    mov     r10, r0
    ldr     r4, [r0, #F_X+4]
    mov     r9, r4
    ldr     r7, [r0, #F_X_SHIFT]
    ldr     r4, [r0, #F_X]
    lstm_activations
    mov     r0, r10
    ldr     r4, [r0, #F_H+4]
    mov     r9, r4
    movs    r7, #0
    ldr     r4, [r0, #F_H]
    lstm_activations
    @ (Y3)
    mov     r0, r8
    lsls    r0, r0, #7
    rsbs    r0, r0, #0
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
.Llstm_loop:
    lstm_block
.Llstm_second:
    lstm_block
    cmp     r12, lr
    bne     .Llstm_loop
.Llstm_sums:
    lstm_part rest
    str     r6, [sp, #WEIGHTS]
    mov     r0, r8
    mov     r1, r9
    mov     r2, r10
    mov     r3, r11
    ldr     r4, [sp, #UNIT]
    blx     r4
    cmp     r0, #0
    bne     .Llstm_again
    ldr     r0, [sp, #Y_END]
    mov     sp, r0
    pop     {r4-r7}
    mov     r8, r4
    mov     r9, r5
    mov     r10, r6
    mov     r11, r7
    pop     {r4-r7, pc}
.Llstm_again:
    b       .Llstm_unit

    lstm_part products
    .p2align 2
.Llstm_plain_loop:
    lstm_plain_block
.Llstm_plain_second:
    lstm_plain_block
    cmp     r12, lr
    bne     .Llstm_plain_loop
    b       .Llstm_sums
    .ltorg
    .size   lstm_nostd_v6m_step, . - lstm_nostd_v6m_step
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
    lstm_activations
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
