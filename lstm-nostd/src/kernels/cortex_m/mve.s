@ One time step of an LSTM layer with int16 activations for cores with Helium (MVE); `mve.rs` explains it. Its
@ macros have a part for int4 weights, which \nibbles chooses.
@
@ r0 points to `mve::Frame`:
    .equ F_X, 0
    .equ F_H, 4
    .equ F_INPUTS, 8
    .equ F_HIDDEN, 12
    .equ F_X_PLANE, 16      @ bytes of the inputs in a plane
    .equ F_PLANE, 20        @ bytes of a plane
    .equ F_X_ENTRY, 24      @ bytes into the loop
    .equ F_H_ENTRY, 28
    .equ F_WEIGHTS, 32
    .equ F_GATES, 36
    .equ F_SCALE, 40        @ 2^k, and what weighs the inputs' high bytes
    .equ F_START, 48        @ int4: where (N3) begins
    .equ F_UNITS, 52        @ twelve words for the elementwise part

@ The stack holds:
    .equ LOW, 0             @ planes, and the end of the inputs in the low one
    .equ X_ENTRY, 12
    .equ H_END, 16
    .equ H_ENTRY, 20
    .equ SUMS_END, 24
    .equ UNITS, 32          @ twelve words
    .equ SCALE, 80          @ as in the frame
    .equ INPUT_GATE, 88
    .equ PEEPHOLES, 104     @ of the last units, when they are fewer than four
    .equ SUMS, 136          @ [4 units][16]: sums with low and high bytes, of inputs and hidden state
    .equ WEIGHTS, 392
    .equ FIXED, 400
    @ and, of int4 weights,
    .equ UPPER, 400         @ (N1) of i, then of f, of four units
    .equ START, 432         @ (N3), four times
    .equ FIXED_NIBBLES, 448

@ Splits r2 int16 values at r1 into bytes: low ones less 128 to r6, high ones to r7. \sum gets their sum.
.macro lstm_split nibbles, sum
    .if \nibbles
    movs    \sum, #0
    .else
    vmov.i8 q2, #0x80
    lsr     lr, r2, #4
    and     r2, r2, #15
    wls     lr, lr, 3f
1:
    vld20.8 {q0, q1}, [r1]
    vld21.8 {q0, q1}, [r1]!
    veor    q0, q0, q2
    vstrb.8 q0, [r6], #16
    vstrb.8 q1, [r7], #16
    le      lr, 1b
3:
    .endif
    vmov.i16 q1, #0x80
    wlstp.16 lr, r2, 2f
1:
    vldrh.u16 q0, [r1], #16
    .if \nibbles
    vaddva.s16 \sum, q0
    .endif
    veor    q0, q0, q1
    vstrb.16 q0, [r6], #8
    vshr.u16 q0, q0, #8
    vstrb.16 q0, [r7], #8
    letp    lr, 1b
2:
.endm

@ Sixteen inputs to four rows: 128 products of bytes, 56 bytes of instructions. \a is `a` to accumulate.
@ Low bytes to r0, r2, r4, r6, high bytes to r8, r10, r12, lr; \w walks the weights, r3 and r5 the planes. A load
@ and a product side by side overlap.
.macro lstm_group a, w=r1
    vldrw.u32 q0, [r3], #16
    vldrw.u32 q2, [\w], #64
    vmladav\a\().s8 r0, q2, q0
    vldrw.u32 q1, [r5], #16
    vmladav\a\().s8 r8, q2, q1
    vldrw.u32 q3, [\w, #-48]
    vmladav\a\().s8 r2, q3, q0
    vldrw.u32 q4, [\w, #-32]
    vmladav\a\().s8 r10, q3, q1
    vldrw.u32 q5, [\w, #-16]
    vmladav\a\().s8 r4, q4, q0
    vmladav\a\().s8 r12, q4, q1
    vmladav\a\().s8 r6, q5, q0
    vmladav\a\().s8 lr, q5, q1
.endm

@ The same of int4 weights: the bytes of g and o to r0, r2, r8 and r10, and 16 times the upper nibbles, i and f,
@ to r4, r6, r12 and lr. q4 is the mask of upper nibbles.
.macro lstm_nibble_group a, w=r1
    vldrw.u32 q0, [r3], #16
    vldrw.u32 q2, [\w], #32
    vmladav\a\().s8 r0, q2, q0
    vldrw.u32 q1, [r5], #16
    vmladav\a\().s8 r8, q2, q1
    vldrw.u32 q3, [\w, #-16]
    vand    q2, q2, q4
    vmladav\a\().s8 r2, q3, q0
    vmladav\a\().s8 r10, q3, q1
    vand    q3, q3, q4
    vmladav\a\().s8 r4, q2, q0
    vmladav\a\().s8 r12, q2, q1
    vmladav\a\().s8 r6, q3, q0
    vmladav\a\().s8 lr, q3, q1
.endm

@ Sixteen int8 inputs to four rows: 64 products, to r0, r2, r4, r6.
.macro lstm_byte_group a, w=r1
    vldrw.u32 q0, [r3], #16
    vldrw.u32 q2, [\w], #64
    vmladav\a\().s8 r0, q2, q0
    vldrw.u32 q3, [\w, #-48]
    vmladav\a\().s8 r2, q3, q0
    vldrw.u32 q4, [\w, #-32]
    vmladav\a\().s8 r4, q4, q0
    vldrw.u32 q5, [\w, #-16]
    vmladav\a\().s8 r6, q5, q0
.endm

@ Rows of one part. \kind is 0 for int8 weights and int16 activations, 1 for int4 weights, 2 for int8 activations.
@
@ Room on the stack for planes of r7 bytes and \fixed below them: the first plane goes to r6, its end to r9.
@ \low keeps the first plane, and \end r8.
.macro lstm_room kind, fixed, low, end
    .if \kind == 2
    sub     sp, sp, r7
    .else
    sub     sp, sp, r7, lsl #1
    .endif
    mov     r6, sp
    add     r9, r6, r7
    sub     sp, sp, #\fixed
    str     r6, [sp, #\low]
    str     r8, [sp, #\end]
.endm

@ \count bytes from \from to \to
.macro lstm_copy_bytes count, from, to
    wlstp.8 lr, \count, 2f
1:
    vldrb.u8 q0, [\from], #16
    vstrb.8 q0, [\to], #16
    letp    lr, 1b
2:
.endm

@ The r2 activations at r1 to planes at r6; with int4 weights, \start gets (N3). Planes end at r9.
.macro lstm_planes kind, start
    .if \kind == 2
    lstm_copy_bytes r2, r1, r6
    .else
    .if \kind == 1
    @ Padding is no zero weight.
    add     r7, r7, r9
    vmov.i32 q0, #0
    vstrw.32 q0, [r9, #-16]
    vstrw.32 q0, [r7, #-16]
    lsl     r4, r2, #10
    .endif
    mov     r7, r9
    lstm_split \kind, r12
    .if \kind == 1
    sub     r4, r4, r12, lsl #3
    str     r4, [sp, #\start]
    .endif
    .endif
.endm

@ The sums of bytes of four rows put together, to r0, r2, r4 and r6.
.macro lstm_put_together kind, start
    .if \kind == 0
    add     r0, r0, r8, lsl #8
    add     r2, r2, r10, lsl #8
    add     r4, r4, r12, lsl #8
    add     r6, r6, lr, lsl #8
    .elseif \kind == 1
    @ (N2) from 16 times (N1), whose bytes are put together first
    ldr     r3, [sp, #\start]
    add     r5, r3, r0
    add     r3, r3, r2
    asr     r0, r4, #4
    add     r0, r0, r12, lsl #4
    asr     r2, r6, #4
    add     r2, r2, lr, lsl #4
    add     r4, r5, r8, lsl #8
    sub     r4, r4, r0, lsl #4
    add     r6, r3, r10, lsl #8
    sub     r6, r6, r2, lsl #4
    .endif
.endm

@ \v = the sums \at, of four units, put together: r5 weighs high bytes, r1 and r9 low and high bytes of inputs.
@ Low bytes are shifted right by \right.
.macro lstm_bytes v, at, right=0
    vldrw.u32 \v, [q6, #4*(\at)+32]
    .if \right
    vshr.s32 \v, \v, #\right
    .endif
    vldrw.u32 q3, [q6, #4*(\at)+48]
    vmla.i32 \v, q3, r5
    vldrw.u32 q3, [q6, #4*(\at)]
    .if \right
    vshr.s32 q3, q3, #\right
    .endif
    vmla.i32 \v, q3, r1
    vldrw.u32 q3, [q6, #4*(\at)+16]
    vmla.i32 \v, q3, r9
.endm

@ \v = (A) for gate \g of four units.
.macro lstm_sum v, g, nibbles
    .if \nibbles == 0
    lstm_bytes \v, \g
    .elseif \g < 2
    @ (N1)
    lstm_bytes \v, \g+2, 4
    vstrw.32 \v, [sp, #UPPER+16*\g]
    .else
    @ (N2)
    lstm_bytes \v, \g-2
    vldrw.u32 q3, [sp, #UPPER+16*(\g-2)]
    vshl.i32 q3, q3, #4
    vsub.i32 \v, \v, q3
    vldrw.u32 q3, [sp, #START]
    vadd.i32 \v, \v, q3
    .endif
    .if \g
    vldrw.u32 q3, [q7, #4*\g]
    .else
    vldrw.u32 q3, [q7, #128]!
    .endif
    vadd.i32 \v, \v, q3
.endm

@ \v = (B) without the clamp.
.macro lstm_multiply v, g
    vldrw.u32 q3, [q7, #4*\g+16]
    vrmulh.s32 \v, \v, q3
.endm

@ The peepholes at r3 of four units times their cells at r0, narrowed, to q0 (i) and q1 (f).
.macro lstm_old_peepholes
    vldrw.u32 q5, [r0]
    vqrshrnb.s32 q3, q5, #16
    vqrshrnt.s32 q3, q5, #16
    vld20.32 {q4, q5}, [r3]
    vld21.32 {q4, q5}, [r3]
    vmullb.s16 q5, q4, q3
    vadd.i32 q0, q0, q5
    vmullt.s16 q5, q4, q3
    vadd.i32 q1, q1, q5
.endm

@ The same of their new cells in q0, to q1 (o); r3 moves on.
.macro lstm_new_peephole
    vld20.32 {q4, q5}, [r3]
    vld21.32 {q4, q5}, [r3]!
    vqrshrnt.s32 q3, q0, #16
    vmullt.s16 q4, q5, q3
    vadd.i32 q1, q1, q4
.endm

@ (T1) and the sign of (T2) at \v of four units, to q4. The lower halves of q2 are zero before and after.
.macro lstm_activation v, bits, guard, base, slope, above
    lstm_part activations
    vqmovnt.s32 q2, \v
    vqabs.s16 q2, q2
    vshr.u32 q3, q2, #16+\bits
    vldrw.u32 q4, [\base, q3, uxtw #2]
    vldrw.u32 q5, [\slope, q3, uxtw #2]
    vbic.i32 q2, #\above
    vshl.i32 q3, q5, #16
    vmulh.s32 q3, q3, q2
    vadd.i32 q5, q5, q3
    vmulh.s32 q5, q5, q2
    vadd.i32 q4, q4, q5
    vshr.s32 q4, q4, #\guard
    vpt.s32 lt, \v, zr
    vnegt.s32 q4, q4
.endm
.macro lstm_sigmoid v
    lstm_activation \v, 9, 10, r7, r8, 0xfe000000
    vadd.i32 \v, q4, r6
    lstm_part rest
.endm
@ The result is in q4.
.macro lstm_tanh v
    lstm_activation \v, 8, 9, r10, r11, 0xff000000
    lstm_part rest
.endm

@ q0 = q0 shifted by r5, held to int8's -127..=127
.macro lstm_narrow_to_int8
    vrshl.s32 q0, r5
    vmov.i32 q3, #127
    vmin.s32 q0, q0, q3
    vmvn.i32 q3, #126
    vmax.s32 q0, q0, q3
.endm

@ The address of \label, and as many bytes further on as the frame's word at \entry says, to the stack at \at.
.macro lstm_entry label, entry, at
    ldr     r0, [r10, #\entry]
    adr.w   r1, \label
    add     r0, r0, r1
    orr     r0, r0, #1
    str     r0, [sp, #\at]
.endm

@ The step \name, whose groups are the macro \group.
.macro lstm_step name, group, nibbles
    lstm_function \name
    push    {r4-r11, lr}
    sub     sp, sp, #4
    vpush   {d8-d15}
    mov     r10, r0
    ldr     r0, [r10, #F_PLANE]
    sub     sp, sp, r0, lsl #1
    mov     r6, sp
    add     r7, r6, r0
    .if \nibbles
    sub     sp, sp, #FIXED_NIBBLES
    .else
    sub     sp, sp, #FIXED
    .endif
    ldr     r1, [r10, #F_X_PLANE]
    add     r8, r6, r1
    add     r9, r7, r1
    add     r0, r6, r0
    str     r6, [sp, #LOW]
    str     r7, [sp, #LOW+4]
    str     r8, [sp, #LOW+8]
    str     r0, [sp, #H_END]
    .if \nibbles
    @ Padding is no zero weight.
    ldr     r1, [r10, #F_PLANE]
    add     r1, r1, r0
    vmov.i32 q0, #0
    vstrw.32 q0, [r8, #-16]
    vstrw.32 q0, [r9, #-16]
    vstrw.32 q0, [r0, #-16]
    vstrw.32 q0, [r1, #-16]
    .endif
    ldr     r1, [r10, #F_X]
    ldr     r2, [r10, #F_INPUTS]
    lstm_split \nibbles, r12
    ldr     r1, [r10, #F_H]
    ldr     r2, [r10, #F_HIDDEN]
    mov     r6, r8
    mov     r7, r9
    lstm_split \nibbles, r4
    .if \nibbles
    @ (N3)
    ldr     r0, [r10, #F_SCALE]
    ldr     r1, [r10, #F_START]
    mla     r4, r12, r0, r4
    sub     r1, r1, r4, lsl #3
    vdup.32 q0, r1
    vstrw.32 q0, [sp, #START]
    .endif
    lstm_entry .Llstm_x_loop\@, F_X_ENTRY, X_ENTRY
    lstm_entry .Llstm_h_loop\@, F_H_ENTRY, H_ENTRY
    ldrd    r0, r1, [r10, #F_SCALE]
    strd    r0, r1, [sp, #SCALE]
    add     r11, sp, #SUMS
    movs    r0, #0
    vidup.u32 q0, r0, #8
    vshl.i32 q1, q0, #3
    vadd.i32 q6, q1, r11
    vshl.i32 q0, q0, #2
    ldr     r0, [r10, #F_GATES]
    sub     r0, r0, #128
    vadd.i32 q7, q0, r0
    add     r12, r10, #F_UNITS
    ldr     r1, [r10, #F_WEIGHTS]
    ldmia   r12, {r0, r2, r3, r4, r5, r6, r7, r8, r10, r11, r12, lr}

    @ Up to four units: r0 cell, r2 next, r3 peepholes, r4 units left; then constants.
.Llstm_four\@:
    str     r4, [sp, #UNITS+12]
    strd    r0, r2, [sp, #UNITS]
    str     r3, [sp, #UNITS+8]
    strd    r5, r6, [sp, #UNITS+16]
    strd    r7, r8, [sp, #UNITS+24]
    strd    r10, r11, [sp, #UNITS+32]
    strd    r12, lr, [sp, #UNITS+40]
    cmp     r4, #4
    it      hi
    movhi   r4, #4
.Llstm_sums_end\@:
    add     r9, sp, #SUMS
    add     r4, r9, r4, lsl #6
    str     r4, [sp, #SUMS_END]
.Llstm_next_four\@:
    add     r11, sp, #SUMS
    add     r9, sp, #H_END
    .if \nibbles
    vmov.i8 q4, #0xf0
    .endif
.Llstm_unit\@:
    lstm_part products
    @ Inputs
    ldmia   sp, {r3, r5, r7}
    \group
    ldr     pc, [sp, #X_ENTRY]
    .p2align 2
.Llstm_x_loop\@:
    .rept 3
    \group a
    .endr
    cmp.w   r3, r7
    bne.w   .Llstm_x_loop\@
    stmia   r11!, {r0, r2, r4, r6, r8, r10, r12, lr}
    @ Hidden state
    \group
    ldmia   r9, {r7, pc}
    .p2align 2
.Llstm_h_loop\@:
    .rept 7
    \group a
    .endr
    cmp.w   r3, r7
    bne.w   .Llstm_h_loop\@
    stmia   r11!, {r0, r2, r4, r6, r8, r10, r12, lr}
    ldr     r0, [sp, #SUMS_END]
    cmp     r11, r0
    bne     .Llstm_unit\@
    lstm_part rest

    str     r1, [sp, #WEIGHTS]
    ldrd    r1, r9, [sp, #SCALE]
    add     lr, sp, #UNITS
    ldmia   lr, {r0, r2, r3, r4, r5, r6, r7, r8, r10, r11, r12, lr}
    cmp     r4, #4
    blo     .Llstm_few\@
.Llstm_elementwise\@:
    lstm_sum q0, 0, \nibbles
    lstm_sum q1, 1, \nibbles
    .if \nibbles
    @ From here on, of whole bytes
    lsl     r5, r5, #4
    lsl     r9, r9, #4
    .endif
    cbz     r3, 1f
    lstm_old_peepholes
1:
    vmov.i32 q2, #0
    lstm_multiply q0, 0
    lstm_sigmoid q0
    vstrw.32 q0, [sp, #INPUT_GATE]
    lstm_multiply q1, 1
    lstm_sigmoid q1
    @ (C)
    vldrw.u32 q3, [r0]
    vshl.i32 q1, q1, #16
    vrmulh.s32 q1, q1, q3
    vshl.i32 q1, q1, #1
    lstm_sum q0, 2, \nibbles
    lstm_multiply q0, 2
    lstm_tanh q0
    vldrw.u32 q3, [sp, #INPUT_GATE]
    vmul.i32 q0, q4, q3
    vrshl.s32 q0, lr
    vqadd.s32 q0, q0, q1
    @ (B) of o
    lstm_sum q1, 3, \nibbles
    cbz     r3, 2f
    lstm_new_peephole
2:
    lstm_multiply q1, 3
    lstm_sigmoid q1
    vctp.32 r4
    vpst
    vstrwt.32 q0, [r0], #16
    @ (D)
    vrshl.s32 q0, r12
    lstm_tanh q0
    vmul.i32 q0, q4, q1
    vctp.32 r4
    vrshr.s32 q0, q0, #15
    vpst
    vstrht.32 q0, [r2], #8
    add     r5, sp, #UNITS
    subs    r4, r4, #4
    stmia   r5, {r0, r2, r3, r4}
    ldr     r1, [sp, #WEIGHTS]
    bls     .Llstm_end\@
    cmp     r4, #4
    bhs     .Llstm_next_four\@
    b       .Llstm_sums_end\@

.Llstm_end\@:
    ldr     r0, [sp, #H_END]
    ldr     r1, [sp, #LOW]
    sub     r0, r0, r1
    .if \nibbles
    add     sp, sp, #FIXED_NIBBLES
    .else
    add     sp, sp, #FIXED
    .endif
    add     sp, sp, r0, lsl #1
    vpop    {d8-d15}
    add     sp, sp, #4
    pop     {r4-r11, pc}

    @ One to three units are left: the other lanes read the last one's gates, and peepholes are read from
    @ a copy that has place for four.
.Llstm_few\@:
    vmov.32 r5, q7[0]
    add     r5, r5, r4, lsl #5
    sub     r5, r5, #32
    vdup.32 q0, r5
    vmin.u32 q7, q7, q0
    ldr     r5, [sp, #UNITS+16]
    cmp     r3, #0
    beq     .Llstm_elementwise\@
    add     r12, sp, #PEEPHOLES
    mov     lr, r4
3:
    ldr     r5, [r3], #4
    str     r5, [r12], #4
    ldr     r5, [r3], #4
    str     r5, [r12], #4
    subs    lr, lr, #1
    bne     3b
    add     r3, sp, #PEEPHOLES
    ldrd    r12, lr, [sp, #UNITS+40]
    ldr     r5, [sp, #UNITS+16]
    b       .Llstm_elementwise\@
    lstm_end \name
.endm

    @ Compilers that scan the assembly of a library for symbols do not know its CPU.
    .cpu cortex-m55
    lstm_step lstm_nostd_mve_step, lstm_group, 0
    lstm_step lstm_nostd_mve_w4a16_step, lstm_nibble_group, 1
