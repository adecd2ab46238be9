@ What int4 weights need beside `v7m.s`; `v7m.rs` explains it.

@ Four products of a row of nibbles, whose word is shifted in place.
.macro lstm_nibbles sum, word
    mla     \sum, \word, r8, \sum
    asrs    \word, \word, #4
    mla     \sum, \word, r9, \sum
    asrs    \word, \word, #4
    mla     \sum, \word, r10, \sum
    asrs    \word, \word, #4
    mla     \sum, \word, r11, \sum
.endm

@ 32 products, eight inputs to four rows, 196 bytes of instructions: weights at r12, activations at lr, sums in
@ r4 to r7.
.macro lstm_nibble_block
    ldmia   lr!, {r8-r11}
    ldmia   r12!, {r0-r3}
    lstm_nibbles r4, r0
    lstm_nibbles r5, r1
    lstm_nibbles r6, r2
    lstm_nibbles r7, r3
    ldmia   lr!, {r8-r11}
    asrs    r0, r0, #4
    lstm_nibbles r4, r0
    asrs    r1, r1, #4
    lstm_nibbles r5, r1
    asrs    r2, r2, #4
    lstm_nibbles r6, r2
    asrs    r3, r3, #4
    lstm_nibbles r7, r3
.endm

@ (Y1), (Y2) for eight activations at a time, or four at the end, from r7 to r8; r5 keeps the fourth.
.macro lstm_nibble_activations shift
    b       3f
1:
    lstm_int16
    .if \shift
    lstm_shift_left
    .endif
    mov     r5, r4
    add     r12, r12, r4
    lstm_prepared
    mov     r1, #0
    mov     r2, #0
    mov     r3, #0
    mov     r4, #0
    cmp     r7, r8
    beq     2f
    lstm_int16
    .if \shift
    lstm_shift_left
    .endif
2:
    mls     r11, r5, r10, r1
    add     r12, r12, r1
    add     r12, r12, r2
    add     r12, r12, r3
    mls     r4, r3, r10, r4
    mls     r3, r2, r10, r3
    mls     r2, r1, r10, r2
    mov     r1, r11
    stmia   r6!, {r1-r4}
3:
    cmp     r7, r8
    bne     1b
.endm

    lstm_function lstm_nostd_v7m_nibbles
    lstm_nibble_activations 1
    ldrd    r7, r8, [r0, #F_H]
    lstm_nibble_activations 0
    b.w     lstm_nostd_v7m_prepared
    .p2align 2
    lstm_place lstm_nostd_v7m_nibble_loop
    lstm_part products
    .rept 2
    lstm_nibble_block
    .endr
    ldr     r0, [sp, #Y_END]
    cmp     lr, r0
    bne.w   lstm_nostd_v7m_nibble_loop
    ldr     pc, [sp, #AFTER]

    @ A row in no group, eight weights in a word, to r4.
    .p2align 2
    lstm_place lstm_nostd_v7m_nibble_row
    lstm_part products
    lstm_row_of_rest
1:
    ldmia   lr!, {r8-r11}
    ldr     r0, [r12], #4
    eors    r0, r0, r1
    lstm_nibbles r4, r0
    ldmia   lr!, {r8-r11}
    asrs    r0, r0, #4
    lstm_nibbles r4, r0
    cmp     lr, r2
    bne     1b
    b.w     lstm_nostd_v7m_row_end

    @ Blocks in the generic order, where y are x.
    .p2align 2
    lstm_place lstm_nostd_v7m_generic_nibble_loop
    lstm_part products
    ldmia   lr!, {r8-r11}
    ldrd    r0, r1, [r12], #8
    eor     r0, r0, #0x88888888
    eor     r1, r1, #0x88888888
    sbfx    r2, r0, #0, #4
    mla     r4, r2, r8, r4
    sbfx    r2, r0, #16, #4
    mla     r4, r2, r9, r4
    sbfx    r2, r0, #4, #4
    mla     r4, r2, r10, r4
    sbfx    r2, r0, #20, #4
    mla     r4, r2, r11, r4
    sbfx    r2, r0, #8, #4
    mla     r5, r2, r8, r5
    sbfx    r2, r0, #24, #4
    mla     r5, r2, r9, r5
    sbfx    r2, r0, #12, #4
    mla     r5, r2, r10, r5
    sbfx    r2, r0, #28, #4
    mla     r5, r2, r11, r5
    sbfx    r2, r1, #0, #4
    mla     r6, r2, r8, r6
    sbfx    r2, r1, #16, #4
    mla     r6, r2, r9, r6
    sbfx    r2, r1, #4, #4
    mla     r6, r2, r10, r6
    sbfx    r2, r1, #20, #4
    mla     r6, r2, r11, r6
    sbfx    r2, r1, #8, #4
    mla     r7, r2, r8, r7
    sbfx    r2, r1, #24, #4
    mla     r7, r2, r9, r7
    sbfx    r2, r1, #12, #4
    mla     r7, r2, r10, r7
    sbfx    r2, r1, #28, #4
    mla     r7, r2, r11, r7
    ldr     r0, [sp, #Y_END]
    cmp     lr, r0
    bne.w   lstm_nostd_v7m_generic_nibble_loop
    ldr     pc, [sp, #AFTER]
    lstm_end lstm_nostd_v7m_nibbles
