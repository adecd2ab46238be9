@ An LSTM layer with coupled gates for cores with Helium (MVE); `mve_coupled.rs` explains it. The macros of groups, of
@ splitting and of σ and tanh are those of `mve.s`.
@
@ Sums of groups of rows, layer input and hidden state together: r0 points to `mve_coupled::Job`:
    .equ B_X, 0
    .equ B_H, 4
    .equ B_INPUTS, 8
    .equ B_HIDDEN, 12
    .equ B_X_PLANE, 16      @ bytes of the inputs in a plane
    .equ B_PLANE, 20        @ bytes of a plane
    .equ B_X_ENTRY, 24      @ bytes into the loop
    .equ B_H_ENTRY, 28
    .equ B_WEIGHTS, 32
    .equ B_SHIFT, 36        @ k
    .equ B_SCALE, 40        @ 2^k
    .equ B_START, 44        @ int4: where (N3) begins
    .equ B_SUMS, 48         @ where they go, and the end

@ The stack holds, below the planes:
    .equ Q_X, 0             @ low plane, high one, end of the inputs in the low one
    .equ Q_X_ENTRY, 12
    .equ Q_H, 16            @ the same of the hidden state
    .equ Q_H_ENTRY, 28
    .equ Q_SHIFT, 32
    .equ Q_ZERO, 36         @ what sums of inputs and of the hidden state begin with
    .equ Q_START, 40
    .equ Q_SUMS_END, 44
    .equ Q_END, 48          @ of the planes
    .equ Q_FIXED, 56

@ The sums of four rows shifted left by \by
.macro lstm_shift by
    lsl.w   r0, r0, \by
    lsl.w   r2, r2, \by
    lsl.w   r4, r4, \by
    lsl.w   r6, r6, \by
.endm

@ Groups whose macro is \group. \kind is 0 for int8 weights, 1 for int4 weights. r1 walks the weights, r11 the sums.
.macro lstm_stored_rows name, group, kind
    lstm_function \name
    push    {r4-r11, lr}
    sub     sp, sp, #4
    vpush   {d8-d11}
    mov     r10, r0
    mov     r11, sp
    ldr     r0, [r10, #B_PLANE]
    ldr     r1, [r10, #B_X_PLANE]
    sub     sp, sp, r0, lsl #1
    mov     r6, sp
    add     r7, r6, r0
    sub     sp, sp, #Q_FIXED
    str     r11, [sp, #Q_END]
    add     r8, r6, r1
    add     r9, r7, r1
    add     r11, r6, r0
    str     r6, [sp, #Q_X]
    str     r7, [sp, #Q_X+4]
    str     r8, [sp, #Q_X+8]
    str     r8, [sp, #Q_H]
    str     r9, [sp, #Q_H+4]
    str     r11, [sp, #Q_H+8]
    .if \kind == 1
    @ Padding is no zero weight.
    add     r0, r0, r11
    vmov.i32 q0, #0
    vstrw.32 q0, [r8, #-16]
    vstrw.32 q0, [r9, #-16]
    vstrw.32 q0, [r11, #-16]
    vstrw.32 q0, [r0, #-16]
    .endif
    ldr     r1, [r10, #B_X]
    ldr     r2, [r10, #B_INPUTS]
    lstm_split \kind, r12
    ldr     r1, [r10, #B_H]
    ldr     r2, [r10, #B_HIDDEN]
    mov     r6, r8
    mov     r7, r9
    lstm_split \kind, r4
    .if \kind == 1
    @ (N3)
    ldr     r0, [r10, #B_SCALE]
    ldr     r1, [r10, #B_START]
    mla     r4, r12, r0, r4
    sub     r1, r1, r4, lsl #3
    str     r1, [sp, #Q_START]
    movs    r1, #0
    str     r1, [sp, #Q_ZERO]
    vmov.i8 q4, #0xf0
    .endif
    lstm_entry .Llstm_rows_x\@, B_X_ENTRY, Q_X_ENTRY
    lstm_entry .Llstm_rows_h\@, B_H_ENTRY, Q_H_ENTRY
    ldr     r0, [r10, #B_SHIFT]
    str     r0, [sp, #Q_SHIFT]
    ldrd    r11, r0, [r10, #B_SUMS]
    str     r0, [sp, #Q_SUMS_END]
    ldr     r1, [r10, #B_WEIGHTS]
.Llstm_rows_group\@:
    lstm_part products
    ldmia   sp, {r3, r5, r7}
    \group
    ldr     pc, [sp, #Q_X_ENTRY]
    .p2align 2
.Llstm_rows_x\@:
    .rept 3
    \group a
    .endr
    cmp.w   r3, r7
    bne.w   .Llstm_rows_x\@
    lstm_part rest
    lstm_put_together \kind, Q_ZERO
    ldr     r3, [sp, #Q_SHIFT]
    lstm_shift r3
    stmia   r11, {r0, r2, r4, r6}
    lstm_part products
    add     r9, sp, #Q_H
    ldmia   r9, {r3, r5, r7}
    \group
    ldr     pc, [sp, #Q_H_ENTRY]
    .p2align 2
.Llstm_rows_h\@:
    .rept 7
    \group a
    .endr
    cmp.w   r3, r7
    bne.w   .Llstm_rows_h\@
    lstm_part rest
    lstm_put_together \kind, Q_START
    ldmia   r11, {r3, r5, r7, r8}
    add     r0, r0, r3
    add     r2, r2, r5
    add     r4, r4, r7
    add     r6, r6, r8
    stmia   r11!, {r0, r2, r4, r6}
    ldr     r3, [sp, #Q_SUMS_END]
    cmp     r11, r3
    bne.w   .Llstm_rows_group\@
    ldr     r0, [sp, #Q_END]
    mov     sp, r0
    vpop    {d8-d11}
    add     sp, sp, #4
    pop     {r4-r11, pc}
    lstm_end \name
.endm
    lstm_stored_rows lstm_nostd_mve_stored_rows, lstm_group, 0
    lstm_stored_rows lstm_nostd_mve_w4a16_stored_rows, lstm_nibble_group, 1

@ int8 activations: r0 points to `mve_coupled::ByteJob`:
    .equ V_FIRST, 0         @ activations, their number, bytes into the plane
    .equ V_SECOND, 12
    .equ V_PLANE, 24        @ bytes of the plane
    .equ V_FIRST_END, 28    @ bytes into the plane
    .equ V_FIRST_ENTRY, 32  @ bytes into the loop
    .equ V_REST_ENTRY, 36
    .equ V_SHIFTS, 40       @ of the first part's sums, and of all
    .equ V_WEIGHTS, 48
    .equ V_SUMS, 52

@ The stack holds, below the plane:
    .equ W_PLANE, 0         @ the plane, and the end of its first part
    .equ W_FIRST_ENTRY, 8
    .equ W_REST_ENTRY, 12
    .equ W_END, 16          @ of the plane
    .equ W_SHIFTS, 20
    .equ W_FIXED, 32

    lstm_function lstm_nostd_mve_w8a8_stored_rows
    push    {r4-r11, lr}
    sub     sp, sp, #4
    vpush   {d8-d11}
    mov     r10, r0
    ldr     r5, [r10, #V_PLANE]
    sub     sp, sp, r5
    mov     r6, sp
    sub     sp, sp, #W_FIXED
    mov     r3, r10
    lstm_copy
    lstm_copy
    ldr     r7, [r10, #V_FIRST_END]
    add     r7, r7, r6
    strd    r6, r7, [sp, #W_PLANE]
    add     r9, r5, r6
    str     r9, [sp, #W_END]
    lstm_entry .Llstm_byte_rows_first, V_FIRST_ENTRY, W_FIRST_ENTRY
    lstm_entry .Llstm_byte_rows_rest, V_REST_ENTRY, W_REST_ENTRY
    ldrd    r0, r1, [r10, #V_SHIFTS]
    str     r0, [sp, #W_SHIFTS]
    str     r1, [sp, #W_SHIFTS+4]
    ldrd    r11, r8, [r10, #V_SUMS]
    ldr     r1, [r10, #V_WEIGHTS]
.Llstm_byte_rows_group:
    lstm_part products
    ldrd    r3, r7, [sp, #W_PLANE]
    lstm_byte_group
    ldr     pc, [sp, #W_FIRST_ENTRY]
    .p2align 2
.Llstm_byte_rows_first:
    .rept 3
    lstm_byte_group a
    .endr
    cmp.w   r3, r7
    bne.w   .Llstm_byte_rows_first
    ldr     r5, [sp, #W_SHIFTS]
    lstm_shift r5
    ldr     pc, [sp, #W_REST_ENTRY]
    .p2align 2
.Llstm_byte_rows_rest:
    .rept 7
    lstm_byte_group a
    .endr
    cmp.w   r3, r9
    bne.w   .Llstm_byte_rows_rest
    lstm_part rest
    ldr     r5, [sp, #W_SHIFTS+4]
    lstm_shift r5
    stmia   r11!, {r0, r2, r4, r6}
    cmp     r11, r8
    bne.w   .Llstm_byte_rows_group
    mov     sp, r9
    vpop    {d8-d11}
    add     sp, sp, #4
    pop     {r4-r11, pc}
    lstm_end lstm_nostd_mve_w8a8_stored_rows

@ (UB) to (H): r0 points to the thirteen words of `mve_coupled::Units`, then \name has
@ r0 cells, r2 next, r3 peepholes, r4 units left, r5 negative right shift of (H), r6 half, r7, r8 and r10, r11 tables,
@ r12 and lr negative right shifts of the cell to Q3.12 and of i*g, r9 the distance of four units' sums.
@ q6 has the addresses of four units' sums, and q7 of their gates, which are twice as far apart.

@ \v = the sums \at bytes into a unit's, and the bias
.macro lstm_coupled_sum v, at
    vldrw.u32 \v, [q6, #\at]
    vldrw.u32 q3, [q7, #\at]
    vadd.i32 \v, \v, q3
.endm
.macro lstm_coupled_multiply v, at
    vldrw.u32 q3, [q7, #12+\at]
    vrmulh.s32 \v, \v, q3
.endm

.macro lstm_coupled name, bytes
    lstm_function \name
    push    {r4-r11, lr}
    sub     sp, sp, #4
    vpush   {d8-d15}
    lstm_part rest
    movs    r6, #0
    vidup.u32 q0, r6, #4
    ldr     r3, [r0, #48]
    ldmia   r0, {r0, r1, r2, r4, r5, r6, r7, r8, r10, r11, r12, lr}
    movs    r9, #3
    vmul.i32 q6, q0, r9
    vshl.i32 q7, q6, #1
    vadd.i32 q6, q6, r1
    vadd.i32 q7, q7, r6
    mov     r6, #0x4000
    movs    r9, #48
    vmov.i32 q2, #0
1:
    cmp     r4, #4
    blo     3f
2:
    lstm_coupled_sum q0, 0
    cbz     r3, 4f
    vctp.32 r4
    vpstt
    vldrwt.u32 q4, [r3]
    vldrwt.u32 q5, [r0]
    vqrshrnb.s32 q3, q5, #16
    vmullb.s16 q5, q4, q3
    vadd.i32 q0, q0, q5
4:
    lstm_coupled_multiply q0, 0
    lstm_sigmoid q0
    lstm_coupled_sum q1, 4
    lstm_coupled_multiply q1, 4
    lstm_tanh q1
    @ (UC), (C)
    vmul.i32 q1, q4, q0
    vrshl.s32 q1, lr
    vmov.i32 q3, #0x8000
    vsub.i32 q3, q3, q0
    vshl.i32 q3, q3, #16
    vctp.32 r4
    vpst
    vldrwt.u32 q4, [r0]
    vrmulh.s32 q3, q3, q4
    vshl.i32 q3, q3, #1
    vqadd.s32 q0, q1, q3
    @ (UB) of o
    lstm_coupled_sum q1, 8
    cbz     r3, 5f
    vpst
    vldrwt.u32 q4, [r3], #16
    vqrshrnt.s32 q3, q0, #16
    vmullt.s16 q5, q4, q3
    vadd.i32 q1, q1, q5
5:
    vpst
    vstrwt.32 q0, [r0], #16
    lstm_coupled_multiply q1, 8
    lstm_sigmoid q1
    @ (D)
    vrshl.s32 q0, r12
    lstm_tanh q0
    vmul.i32 q0, q4, q1
    vrshr.s32 q0, q0, #15
    vctp.32 r4
    .if \bytes == 2
    vpst
    vstrht.32 q0, [r2], #8
    .else
    @ (H)
    lstm_narrow_to_int8
    vpst
    vstrbt.32 q0, [r2], #4
    .endif
    vadd.i32 q6, q6, r9
    vadd.i32 q7, q7, r9
    vadd.i32 q7, q7, r9
    subs    r4, r4, #4
    bhi.w   1b
    vpop    {d8-d15}
    add     sp, sp, #4
    pop     {r4-r11, pc}
    @ One to three units are left: the other lanes read the last one's gates.
3:
    vmov.32 r1, q7[0]
    sub     r6, r4, #1
    add     r6, r6, r6, lsl #1
    add     r1, r1, r6, lsl #3
    mov     r6, #0x4000
    vdup.32 q0, r1
    vmin.u32 q7, q7, q0
    b       2b
    lstm_end \name
.endm
    lstm_coupled lstm_nostd_mve_coupled_int16, 2
    lstm_coupled lstm_nostd_mve_coupled_int8, 1
