@ What int8 activations need beside `dsp.s`; `dsp.rs` explains it.
@
@ r1 points to the words of `dsp::Widened`: layer input, hidden state, n, bytes of the hidden state's copy. Before that
@ comes the layer input's, whose bytes are what the frame has at H. A copy has twice the bytes of what it is of.

@ Four bytes from \src to int16 at r2 and, where \shift says so, times 2^n: n is in r10, and lr is the mask of
@ what does not come from the lane below.
.macro lstm_widen_four src, shift
    ldr     r1, [\src], #4
    sxtb16  r3, r1
    sxtb16  r1, r1, ror #8
    .if \shift
    lsl     r3, r3, r10
    lsl     r1, r1, r10
    and     r3, r3, lr
    and     r1, r1, lr
    .endif
    pkhbt   r9, r3, r1, lsl #16
    pkhtb   r1, r1, r3, asr #16
    strd    r9, r1, [r2], #8
.endm

@ All bytes from \src to \end, eight at a time; the loop is entered in its middle if four are left over. Only those that
@ are shifted, the hidden state, may be none.
.macro lstm_widen src, end, shift
    sub     r1, \end, \src
    lsls    r1, r1, #29
    bmi     2f
    .if \shift
    b       3f
    .endif
1:
    lstm_widen_four \src, \shift
2:
    lstm_widen_four \src, \shift
3:
    cmp     \src, \end
    bne     1b
.endm

@ r3 to what the frame at r0 has at \at as a distance from the copy.
.macro lstm_based at
    ldr     r3, [r0, #\at]
    add     r3, r3, r2
    str     r3, [r0, #\at]
.endm

@ (H): the sum with the other sign, so that two saturations hold both ends to 127. The next unit begins at \unit.
.macro lstm_byte_tail unit
    ldrd    r1, r12, [sp, #NARROW]
    mls     r5, r5, r11, r1
    asr     r5, r5, r12
    ssat    r5, #8, r5
    qsub8   r5, r3, r5              @ r3 is still SQUASH, whose lowest byte is zero.
    strb    r5, [r10], #1
    stmia   sp, {r4, r7, r8, r9, r10}
    ldr     r1, [sp, #CELL_END]
    cmp     r9, r1
    bne.w   \unit
    b.w     lstm_nostd_dsp_end
.endm

    @ Widens the activations to a copy on the stack, and makes a step with that copy.
    lstm_function lstm_nostd_dsp_w8a8_step
    push    {r4-r10, lr}
    mov     r4, sp
    ldmia   r1, {r5, r7, r10, r12}
    ldr     r3, [r0, #H]
    add     r6, r5, r3, lsr #1
    add     r8, r7, r12, lsr #1
    sub     sp, sp, r3
    sub     sp, sp, r12
    mov     r2, sp
    str     r2, [r0, #X]
    add     r3, r3, r2
    str     r3, [r0, #H]
    lstm_based X_END
    lstm_based H_END
    lstm_widen r5, r6, 0
    mvn     lr, #0
    lsl     lr, lr, r10
    ror     lr, lr, #16
    lstm_widen r7, r8, 1
    bl      lstm_nostd_dsp_step
    mov     sp, r4
    pop     {r4-r10, pc}

    .p2align 2
    lstm_place lstm_nostd_dsp_w8a8_tail
    lstm_byte_tail lstm_nostd_dsp_pairs
    .p2align 2
    lstm_place lstm_nostd_dsp_w8a8_plain_tail
    lstm_byte_tail lstm_nostd_dsp_plain
    lstm_end lstm_nostd_dsp_w8a8_step
