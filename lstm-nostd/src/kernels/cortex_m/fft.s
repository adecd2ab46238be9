@ A stage of the front end's transform, equation (FT3) of `kernels/fft.rs`.
@
@ r0 points, r1 quarter, r2 turns, r3 blocks. In the loop:
@   r0 and r1   real and imaginary part of A_k
@   r2 and r12  8 q and 24 q: from A_k to B_k, twice that to C_k, three times that to D_k
@   r3          turns of k
@   [sp]        end of the turns, their begin, blocks that are left

    .pushsection .text.lstm_nostd_fft_stage, "ax", %progbits
    .p2align 2
    .global lstm_nostd_fft_stage
    .type   lstm_nostd_fft_stage, %function
    .thumb_func
lstm_nostd_fft_stage:
    push    {r4-r11, lr}
    sub     sp, sp, #12
    add     r4, r1, r1, lsl #1
    add     r4, r2, r4, lsl #3
    str     r4, [sp]
    str     r2, [sp, #4]
    str     r3, [sp, #8]
    mov     r3, r2
    lsl     r2, r1, #3
    add     r12, r2, r2, lsl #1
    add     r1, r0, #4
1:
    @ c in r8, r9.
    ldrd    r4, r5, [r3]
    ldr     r6, [r0, r2, lsl #1]
    ldr     r7, [r1, r2, lsl #1]
    smmulr  r8, r6, r4
    smmlar  r8, r7, r5, r8
    smmulr  r9, r7, r4
    smmulr  r10, r6, r5
    sub     r9, r9, r10
    @ d in r10, r11.
    ldrd    r4, r5, [r3, #16]
    ldr     r6, [r0, r12]
    ldr     r7, [r1, r12]
    smmulr  r10, r6, r4
    smmlar  r10, r7, r5, r10
    smmulr  r11, r7, r4
    smmulr  lr, r6, r5
    sub     r11, r11, lr
    @ c + d in r4, r5; c - d in r8, r9.
    add     r4, r8, r10
    sub     r8, r8, r10
    add     r5, r9, r11
    sub     r9, r9, r11
    @ b in lr, r11.
    ldrd    r6, r7, [r3, #8]
    ldr     r10, [r0, r2]
    ldr     r11, [r1, r2]
    smmulr  lr, r10, r6
    smmlar  lr, r11, r7, lr
    smmulr  r11, r11, r6
    smmulr  r10, r10, r7
    sub     r11, r11, r10
    @ Real parts.
    ldr     r6, [r0]
    add     r7, lr, r6, asr #2
    rsb     lr, lr, r6, asr #2
    add     r10, r7, r4
    sub     r7, r7, r4
    str     r7, [r0, r2, lsl #1]
    add     r7, lr, r9
    sub     lr, lr, r9
    str     r7, [r0, r2]
    str     lr, [r0, r12]
    str     r10, [r0], #8
    @ Imaginary parts.
    ldr     r6, [r1]
    add     r7, r11, r6, asr #2
    rsb     r11, r11, r6, asr #2
    add     r10, r7, r5
    sub     r7, r7, r5
    str     r7, [r1, r2, lsl #1]
    sub     r7, r11, r8
    add     r11, r11, r8
    str     r7, [r1, r2]
    str     r11, [r1, r12]
    str     r10, [r1], #8
    ldr     lr, [sp]
    add     r3, r3, #24
    cmp     r3, lr
    bne     1b
    @ The next block begins behind D.
    ldrd    r3, r4, [sp, #4]
    add     r0, r0, r12
    add     r1, r1, r12
    subs    r4, r4, #1
    str     r4, [sp, #8]
    bne     1b
    add     sp, sp, #12
    pop     {r4-r11, pc}
    .size   lstm_nostd_fft_stage, . - lstm_nostd_fft_stage
    .popsection
