@ (E) for rows of a dense layer on ARMv7-M, with or without the DSP extension, which differ in `lstm_mul_high`.
@
@ A frame begins with the words of `dense::Finish` where no units follow from sums:
    .equ G_ROWS, 0          @ running pointers to biases with multipliers, and to outputs
    .equ G_Y, 4
    .equ G_ROWS_END, 8
    .equ G_SHIFT, 12
    .equ G_STORE, 16        @ where an output is stored
    .equ G_REST, 20         @ end of the groups' weights: rows that lie in none
    .equ G_OFFSETS, 24      @ what turns their words into such as the loops of M0 and M3 read
    .equ G_ROW, 28          @ where one of them begins
    .equ G_SUMS, 32
    .equ G_SUMS_END, 48

@ (E) of the rows whose sums lie at r7 up to G_SUMS_END; \weights is what the next ones read. Goes on where \first says, or
@ ends after the last row.
.macro lstm_finish prefix, weights, first
    add     r0, sp, #G_SUMS_END
    ldmia   sp, {r4, r8, r9, r10, r11}
    mvn     r5, #0x80000000
1:
    ldr     r3, [r7], #4
    ldrd    r1, r2, [r4], #8
    add     r1, r1, r3
    lstm_mul_high r1, r2
    lsl     r3, r1, r10
    asr     r2, r3, r10
    cmp     r2, r1
    it      ne
    eorne   r3, r5, r1, asr #31
    bx      r11
    lstm_place \prefix\()_values
    str     r3, [r8], #4
2:
    cmp     r4, r9
    beq     3f
    cmp     r7, r0
    bne     1b
    stmia   sp, {r4, r8}
    ldr     r1, [sp, #G_REST]
    cmp     \weights, r1
    it      eq
    ldreq   r1, [sp, #G_ROW]
    it      eq
    streq   r1, [sp, #\first]
    ldr     pc, [sp, #\first]
    lstm_place \prefix\()_relu_int16
    usat    r3, #15, r3
    strh    r3, [r8], #2
    b       2b
    lstm_place \prefix\()_relu_int8
    usat    r3, #7, r3
    strb    r3, [r8], #1
    b       2b
3:
    b.w     \prefix\()_end
.endm
