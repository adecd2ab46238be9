@ Sums of a unit from int4 weights, beside `dsp.s`; `dsp.rs` explains it.

@ Eight products, two inputs \x to four rows: P in r0,r1 and those of f, g, o in r2, r3, r5. r12 is 0x000f000f.
.macro lstm_nibbles w, x
    smlald  r0, r1, \w, \x
    and     lr, r12, \w
    smlad   r2, lr, \x, r2
    and     lr, r12, \w, lsr #4
    smlad   r3, lr, \x, r3
    and     lr, r12, \w, lsr #8
    smlad   r5, lr, \x, r5
.endm

@ The first eight products set the accumulators. Two products of lanes fit 32 bits: a weight is at least -7, so that no lane
@ of four nibbles is -32768.
.macro lstm_first_nibbles w, x
    smuad   r0, \w, \x
    and     lr, r12, \w
    smuad   r2, lr, \x
    and     lr, r12, \w, lsr #4
    smuad   r3, lr, \x
    and     lr, r12, \w, lsr #8
    smuad   r5, lr, \x
    asr     r1, r0, #31
.endm

@ Sixteen products, four inputs to four rows. r6 walks the weights, r7 the activations. 64 bytes.
.macro lstm_nibble_block
    ldrd    r8, r9, [r7], #8
    ldrd    r10, r11, [r6], #8
    lstm_nibbles r10, r8
    lstm_nibbles r11, r9
.endm

@ The last one or two inputs of a part whose length is 1 or 2 modulo 4: 36 bytes.
.macro lstm_nibble_half_block
    ldr     r8, [r7]
    ldr     r10, [r6], #8
    lstm_nibbles r10, r8
.endm

@ i = (P - f - 16 * g - 256 * o) >> 12, exact in 64 bits: the rows i, f, g, o to r0, r2, r3, r5.
.macro lstm_rows_of_nibbles
    subs    r0, r0, r2
    sbc     r1, r1, r2, asr #31
    subs    r0, r0, r3, lsl #4
    sbc     r1, r1, r3, asr #28
    subs    r0, r0, r5, lsl #8
    sbc     r1, r1, r5, asr #24
    lsr     r0, r0, #12
    orr     r0, r0, r1, lsl #20
.endm

@ Eight products of two rows in the generic order, inputs 0 and 1 in r8, 2 and 3 in r9.
.macro lstm_generic_nibbles w, sum_a, sum_b
    and     lr, r12, \w
    smlad   \sum_a, lr, r8, \sum_a
    and     lr, r12, \w, lsr #4
    smlad   \sum_a, lr, r9, \sum_a
    and     lr, r12, \w, lsr #8
    smlad   \sum_b, lr, r8, \sum_b
    and     lr, r12, \w, lsr #12
    smlad   \sum_b, lr, r9, \sum_b
.endm

@ Blocks in the generic order from r6, activations from r7 to r1, to r0, r2, r3, r5.
.macro lstm_generic_nibble_part
1:
    ldrd    r8, r9, [r7], #8
    ldrd    r10, r11, [r6], #8
    lstm_generic_nibbles r10, r0, r2
    lstm_generic_nibbles r11, r3, r5
    cmp     r7, r1
    bne     1b
.endm

    lstm_function lstm_nostd_dsp_nibbles
    lstm_part products
    mov     r12, #0x000f000f
    ldr     r7, [sp, #X]
    ldrd    r8, r9, [r7], #8
    ldrd    r10, r11, [r6], #8
    lstm_first_nibbles r10, r8
    lstm_nibbles r11, r9
    ldr     pc, [sp, #X_ENTRY]
    .p2align 2
    lstm_place lstm_nostd_dsp_nibbles_x_loop
    lstm_part products
    .rept 4
    lstm_nibble_block
    .endr
    ldr     pc, [sp, #X_NEXT]
    lstm_place lstm_nostd_dsp_nibbles_x_end
    lstm_part products
    ldr     r4, [sp, #X_END]
    cmp     r7, r4
    bne.w   lstm_nostd_dsp_nibbles_x_loop
    ldr     pc, [sp, #X_EXIT]
    .p2align 2
    lstm_place lstm_nostd_dsp_nibbles_x_half
    lstm_part products
    lstm_nibble_half_block
    @ Shift by k, and what the sums begin with: H, SCALE and START follow one another.
    add     lr, sp, #H
    ldmia   lr, {r7-r11}
    umlal   r9, r10, r0, r8
    mla     r1, r1, r8, r10
    mov     r0, r9
    mla     r2, r2, r8, r11
    mla     r3, r3, r8, r11
    mla     r5, r5, r8, r11
    ldr     pc, [sp, #H_ENTRY]
    .p2align 2
    lstm_place lstm_nostd_dsp_nibbles_h_loop
    lstm_part products
    .rept 8
    lstm_nibble_block
    .endr
    ldr     r4, [sp, #H_END]
    cmp     r7, r4
    bne.w   lstm_nostd_dsp_nibbles_h_loop
    ldr     pc, [sp, #H_EXIT]
    .p2align 2
    lstm_place lstm_nostd_dsp_nibbles_h_half
    lstm_part products
    lstm_nibble_half_block
    lstm_part rest
    lstm_rows_of_nibbles
    b.w     lstm_nostd_dsp_sums
    .p2align 2
    lstm_place lstm_nostd_dsp_nibbles_group
    lstm_rows_of_nibbles
    b.w     lstm_nostd_dsp_group
    .p2align 2
    lstm_place lstm_nostd_dsp_nibbles_tail
    lstm_tail lstm_nostd_dsp_nibbles
    b.w     lstm_nostd_dsp_end

    @ The generic order of nibbles
    .p2align 2
    lstm_place lstm_nostd_dsp_generic_nibbles
    lstm_part products
    movs    r0, #0
    movs    r2, #0
    movs    r3, #0
    movs    r5, #0
    mov     r12, #0x000f000f
    ldr     r7, [sp, #X]
    ldr     r1, [sp, #X_END]
    lstm_generic_nibble_part
    ldr     r4, [sp, #SCALE]
    ldr     r8, [sp, #START+8]
    mla     r0, r0, r4, r8
    mla     r2, r2, r4, r8
    mla     r3, r3, r4, r8
    mla     r5, r5, r4, r8
    ldr     r7, [sp, #H]
    ldr     pc, [sp, #H_ENTRY]
    .p2align 2
    lstm_place lstm_nostd_dsp_generic_nibbles_h
    lstm_part products
    ldr     r1, [sp, #H_END]
    lstm_generic_nibble_part
    ldr     pc, [sp, #H_EXIT]
    .p2align 2
    lstm_place lstm_nostd_dsp_generic_nibbles_tail
    lstm_tail lstm_nostd_dsp_generic_nibbles
    b.w     lstm_nostd_dsp_end

    @ A row in no group, eight weights in a word, to r0. Four activations may meet the last one.
    .p2align 2
    lstm_place lstm_nostd_dsp_nibble_row
    lstm_part products
    mov     r12, #0x000f000f
    ldr     r0, [sp, #START+8]
    ldr     r7, [sp, #X]
    ldr     r1, [sp, #X_END]
1:
    ldrd    r8, r9, [r7], #8
    movs    r10, #0
    movs    r11, #0
    cmp     r7, r1
    it      ne
    ldrdne  r10, r11, [r7], #8
    ldr     r2, [r6], #4
    pkhbt   r4, r8, r10, lsl #16
    and     r3, r12, r2
    smlad   r0, r3, r4, r0
    pkhtb   r4, r10, r8, asr #16
    and     r3, r12, r2, lsr #4
    smlad   r0, r3, r4, r0
    pkhbt   r4, r9, r11, lsl #16
    and     r3, r12, r2, lsr #8
    smlad   r0, r3, r4, r0
    pkhtb   r4, r11, r9, asr #16
    and     r3, r12, r2, lsr #12
    smlad   r0, r3, r4, r0
    cmp     r7, r1
    bne     1b
    b.w     lstm_nostd_dsp_row_end
    lstm_end lstm_nostd_dsp_nibbles
