@ A step of a GRU layer, beside `dsp.s`; `dsp_gru.rs` explains it.
@
@ The frame begins with the words of `dsp_gru::Walk` in place of a unit's words:
    .equ V_INPUT, 0         @ sums of four candidates' rows with the layer input
    .equ V_AT, 16           @ running pointer to the sums of rows, and their end
    .equ V_END, 20
    .equ V_X_WEIGHTS, 24    @ running pointers
    .equ V_H_WEIGHTS, 28
    .equ V_H_ENTRY, 32      @ address in the loop
    .equ V_DONE, 36         @ where the sums of four units lead to
    .equ V_UNITS, 40        @ `dsp_gru::Units`, and past the last state
    .equ V_STATES_END, 44
    .equ V_GROUP, 48        @ where a group of rows begins
@ START has the shift of (GD) where activations are int8, less one.

@ What `dsp_gru::Units` holds:
    .equ W_TABLES, 0        @ sigmoid, then tanh at 512
    .equ W_GATES, 4         @ running pointer, to biases and multipliers of seven words
    .equ W_SUMS, 8
    .equ W_STOP, 12         @ past V_INPUT of the last of four units
    .equ W_STATE, 16        @ running pointers
    .equ W_NEXT, 20
    .equ W_BETWEEN, 24      @ what comes between both parts of the first group
    .equ W_OFFSET, 28       @ int4: what sums of rows lack where only the layer input is summed

@ From the layer input to the hidden state. After the next group's layer input comes \next.
.macro lstm_gru_h next
    .ifnb \next
    adr.w   r10, \next+1
    str     r10, [sp, #H_ENTRY]
    .endif
    str     r6, [sp, #V_X_WEIGHTS]
    ldr     r6, [sp, #V_H_WEIGHTS]
    ldr     pc, [sp, #V_H_ENTRY]
.endm

@ \d = row 0 (\hi, \lo, \b: r1, r0, r2) or row 2 (r4, r3, r5) of pairs
.macro lstm_gru_pair d, lo, hi, b
    lsr     \d, \lo, #8
    orr     \d, \d, \hi, lsl #24
    sub     \d, \d, \b, asr #8
.endm

@ r9 is what rows of int4 weights lack.
.macro lstm_gru_offset
    ldr     r9, [sp, #V_UNITS]
    ldr     r9, [r9, #W_OFFSET]
.endm

@ Between both parts of three groups, r z n r, z n r z and n r z n: the candidates' rows so far go to V_INPUT. \kind is 0
@ for pairs, 1 for the generic order, 2 for paired nibbles, 3 for the generic order of nibbles.
.macro lstm_gru_between name, kind
    .p2align 2
    lstm_place \name
    lstm_part rest
    .if \kind == 0
    lstm_gru_pair r8, r3, r4, r5
    str     r8, [sp, #V_INPUT]
    .elseif \kind == 1
    str     r3, [sp, #V_INPUT]
    .else
    lstm_gru_offset
    add     r9, r9, r3
    str     r9, [sp, #V_INPUT]
    .endif
    lstm_gru_h .L\name\()_second
    .p2align 2
.L\name\()_second:
    .if \kind < 2
    str     r2, [sp, #V_INPUT+4]
    .else
    lstm_gru_offset
    add     r9, r9, r2
    str     r9, [sp, #V_INPUT+4]
    .endif
    lstm_gru_h .L\name\()_third
    .p2align 2
.L\name\()_third:
    .if \kind == 0
    lstm_gru_pair r8, r0, r1, r2
    strd    r8, r5, [sp, #V_INPUT+8]
    .elseif \kind == 1
    strd    r0, r5, [sp, #V_INPUT+8]
    .elseif \kind == 2
    lstm_gru_offset
    subs    r8, r0, r2
    sbc     r10, r1, r2, asr #31
    subs    r8, r8, r3, lsl #4
    sbc     r10, r10, r3, asr #28
    subs    r8, r8, r5, lsl #8
    sbc     r10, r10, r5, asr #24
    lsr     r8, r8, #12
    orr     r8, r8, r10, lsl #20
    add     r9, r9, r5
    strd    r8, r9, [sp, #V_INPUT+8]
    .else
    lstm_gru_offset
    add     r8, r9, r0
    add     r9, r9, r5
    strd    r8, r9, [sp, #V_INPUT+8]
    .endif
    lstm_gru_h
.endm

@ (GA) to (GD) of up to four units, whose new hidden state has \bytes bytes. r4 tables, r6 gates, r7 sums, lr V_INPUT, r8 its
@ end, r9 state, r10 next.
.macro lstm_gru_units name, bytes
    .p2align 2
    lstm_place \name
    lstm_part rest
    str     r6, [sp, #V_H_WEIGHTS]
    ldr     r0, [sp, #V_UNITS]
    mov     lr, sp
    ldmia   r0, {r4, r6, r7, r8, r9, r10}
1:
    ldmia   r7!, {r0, r1, r2}
    ldmia   r6!, {r3, r5, r11, r12}
    add     r0, r0, r3
    add     r1, r1, r5
    ldr     r5, [lr], #4
    sub     r2, r2, r5
    add     r2, r2, r12
    add     r5, r5, r11
    ldrd    r3, r11, [r6], #8
    @ (GA)
    smmulr  r0, r0, r3
    smmulr  r1, r1, r11
    lstm_sigmoid r0, r3, r11, r12, r4
    lstm_sigmoid r1, r3, r11, r12, r4
    @ (GB)
    lsl     r0, r0, #16
    ldr     r3, [r6], #4
    smmulr  r2, r2, r0
    add     r5, r5, r2, lsl #1
    smmulr  r2, r5, r3
    lstm_tanh r2, r3, r11, r12, r4
    @ (GC): half of it lies between n and h, so that it fits 31 bits.
    ldr     r0, [r9]
    smulbb  r5, r1, r2
    lsl     r3, r1, #16
    rsb     r5, r5, r2, lsl #15
    smmlar  r0, r0, r3, r5
    qadd    r0, r0, r0
    str     r0, [r9], #4
    @ (GD)
    .if \bytes == 2
    lstm_narrow r0, r0
    strh    r0, [r10], #2
    .else
    @ With the other sign, so that two saturations hold both ends to 127.
    ldr     r3, [sp, #START]
    asr     r0, r0, r3
    rsb     r0, r0, #0
    ssat    r0, #8, r0, asr #1
    rsb     r0, r0, #0
    ssat    r0, #8, r0
    strb    r0, [r10], #1
    .endif
    cmp     lr, r8
    bne     1b
.endm

    lstm_function lstm_nostd_dsp_gru
    lstm_part rest
    ldrd    r0, r1, [sp, #V_UNITS]
    ldr     r7, [r0, #W_SUMS]
    ldr     r9, [r0, #W_STATE]
    add     r2, sp, #V_INPUT+16
    str     r2, [r0, #W_STOP]
    add     r2, r7, #48
    str     r2, [sp, #V_END]
    b       .Llstm_gru_four

    @ The rows i, f, g, o of a group are in r0, r2, r3, r5.
    .p2align 2
    lstm_place lstm_nostd_dsp_gru_pairs_half
    lstm_part products
    lstm_half_block
    lstm_part rest
    lstm_rows_of_pairs
    lstm_place lstm_nostd_dsp_gru_sums
    lstm_part rest
    ldrd    r7, r8, [sp, #V_AT]
    stmia   r7!, {r0, r2, r3, r5}
    cmp     r7, r8
    bne     1f
    ldr     pc, [sp, #V_DONE]
1:
    str     r7, [sp, #V_AT]
    str     r6, [sp, #V_H_WEIGHTS]
    ldr     r6, [sp, #V_X_WEIGHTS]
    ldr     pc, [sp, #V_GROUP]

    lstm_gru_units lstm_nostd_dsp_gru_int8, 1
    b       .Llstm_gru_after
    lstm_gru_units lstm_nostd_dsp_gru_int16, 2
.Llstm_gru_after:
    ldrd    r0, r1, [sp, #V_UNITS]
    str     r6, [r0, #W_GATES]
    strd    r9, r10, [r0, #W_STATE]
    subs    r7, r7, #48
.Llstm_gru_four:
    subs    r1, r1, r9
    cmp     r1, #16
    blo     3f
2:
    ldr     r6, [sp, #V_X_WEIGHTS]
    ldr     r1, [r0, #W_BETWEEN]
    str     r7, [sp, #V_AT]
    str     r1, [sp, #H_ENTRY]
    ldr     pc, [sp, #V_GROUP]
    @ The last one to three units, whose rows are in as many groups
3:
    cmp     r1, #0
    beq.w   lstm_nostd_dsp_end
    add     r2, sp, r1
    str     r2, [r0, #W_STOP]
    add     r2, r7, r1, lsl #2
    str     r2, [sp, #V_END]
    b       2b

    lstm_gru_between lstm_nostd_dsp_gru_pairs, 0
    lstm_gru_between lstm_nostd_dsp_gru_plain, 1
    lstm_end lstm_nostd_dsp_gru

    lstm_function lstm_nostd_dsp_gru_nibbles_half
    lstm_part products
    lstm_nibble_half_block
    lstm_part rest
    lstm_rows_of_nibbles
    b.w     lstm_nostd_dsp_gru_sums
    lstm_gru_between lstm_nostd_dsp_gru_nibbles, 2
    lstm_gru_between lstm_nostd_dsp_gru_generic_nibbles, 3
    lstm_end lstm_nostd_dsp_gru_nibbles_half
