@ One time step of a GRU layer for cores with Helium (MVE); `mve_gru.rs` explains it. The macros of groups, of splitting and
@ of σ and tanh are those of `mve.s`.
@
@ r0 points to `mve_gru::Frame`:
    .equ P_X, 0
    .equ P_INPUTS, 4
    .equ P_H, 8
    .equ P_HIDDEN, 12
    .equ P_X_PLANE, 16      @ bytes of the inputs in a plane
    .equ P_PLANE, 20        @ bytes of a plane
    .equ P_X_ENTRY, 24      @ bytes into the loop
    .equ P_H_ENTRY, 28
    .equ P_WEIGHTS, 32      @ of both parts
    .equ P_GATES, 40
    .equ P_UNITS, 44        @ eleven words for the elementwise part, of which the first three are running

@ The stack holds, below the planes:
    .equ L_LOW, 0           @ planes, low and high bytes; their hidden states, where the inputs end
    .equ L_H_LOW, 8
    .equ L_X_ENTRY, 16
    .equ L_H_END, 20
    .equ L_H_ENTRY, 24
    .equ L_SUMS_END, 28
    .equ L_NEXT, 32         @ where the next units begin
    .equ L_END, 36          @ of the planes
    .equ L_WEIGHTS, 40      @ running pointers, of both parts
    .equ L_X_START, 48      @ (N3) of both parts
    .equ L_H_START, 52
    .equ L_UNITS, 56        @ eleven words
    .equ L_SUMS, 104        @ [12 rows] of four units with the layer input, and the same with the hidden state:
    .equ L_HIDDEN, 48
    .equ L_FIXED, 200

@ The r2 activations at r1 to planes at r6 and r7; with int4 weights, \start gets (N3) without the shift by k. \kind is 0 for int8 weights and int16 activations, 1 for int4 weights, 2 for int8
@ activations.
.macro lstm_gru_plane kind, start
    .if \kind == 2
    lstm_copy_bytes r2, r1, r6
    .else
    .if \kind == 1
    lsl     r3, r2, #10
    .endif
    lstm_split \kind, r12
    .if \kind == 1
    sub     r3, r3, r12, lsl #3
    str     r3, [sp, #\start]
    .endif
    .endif
.endm

@ \v = (GA) of the gate whose sums are \at bytes into a unit's; r3 and r4 weigh layer input and hidden state.
.macro lstm_gru_gate v, at, bytes
    vldrw.u32 \v, [q6, #L_HIDDEN+\at]
    .if \bytes == 1
    vmul.i32 \v, \v, r4
    .endif
    vldrw.u32 q3, [q6, #\at]
    vmla.i32 \v, q3, r3
    .if \at
    vldrw.u32 q3, [q7, #\at]
    .else
    vldrw.u32 q3, [q7, #112]!
    .endif
    vadd.i32 \v, \v, q3
    vldrw.u32 q3, [q7, #16+\at]
    vrmulh.s32 \v, \v, q3
    lstm_sigmoid \v
.endm

@ (GA) to (GD) of up to four units, whose new hidden state has \bytes bytes. r0 states, r1 next, r2 units left, r3 and r4
@ 2^k and 2^n, r5 negative right shift of (GD), r6 half, r7, r8 and r10, r11 tables. q6 has the addresses of four units' sums,
@ and q7 of the gates before theirs.
.macro lstm_gru_units bytes
    lstm_part rest
    strd    r1, r9, [sp, #L_WEIGHTS]
    add     lr, sp, #L_UNITS
    ldmia   lr, {r0-r8, r10, r11}
    vmov.i32 q2, #0
    cmp     r2, #4
    blo     3f
2:
    lstm_gru_gate q0, 0, \bytes
    @ (GB)
    vldrw.u32 q1, [q6, #L_HIDDEN+8]
    .if \bytes == 1
    vmul.i32 q1, q1, r4
    .endif
    vldrw.u32 q3, [q7, #12]
    vadd.i32 q1, q1, q3
    vshl.i32 q0, q0, #16
    vrmulh.s32 q0, q0, q1
    vshl.i32 q0, q0, #1
    vldrw.u32 q3, [q6, #8]
    vmla.i32 q0, q3, r3
    vldrw.u32 q3, [q7, #8]
    vadd.i32 q0, q0, q3
    vldrw.u32 q3, [q7, #24]
    vrmulh.s32 q0, q0, q3
    lstm_tanh q0
    vmov    q0, q4
    lstm_gru_gate q1, 4, \bytes
    @ (GC)
    vctp.32 r2
    vpst
    vldrwt.u32 q3, [r0]
    vshl.i32 q4, q1, #16
    vrmulh.s32 q3, q3, q4
    vshl.i32 q3, q3, #1
    vmul.i32 q1, q1, q0
    vshl.i32 q0, q0, #15
    vsub.i32 q0, q0, q1
    vshl.i32 q0, q0, #1
    vqadd.s32 q0, q0, q3
    vpst
    vstrwt.32 q0, [r0], #16
    @ (GD)
    .if \bytes == 2
    vqrshrnb.s32 q0, q0, #16
    vpst
    vstrht.32 q0, [r1], #8
    .else
    lstm_narrow_to_int8
    vpst
    vstrbt.32 q0, [r1], #4
    .endif
    subs    r2, r2, #4
    stmia   lr, {r0, r1, r2}
    ldrd    r1, r9, [sp, #L_WEIGHTS]
    it      hi
    ldrhi   pc, [sp, #L_NEXT]
    ldr     r0, [sp, #L_END]
    mov     sp, r0
    vpop    {d8-d15}
    add     sp, sp, #4
    pop     {r4-r11, pc}
    @ One to three units are left: the other lanes read the last one's gates.
3:
    vmov.32 r9, q7[0]
    sub     r12, r2, #1
    add     r9, r9, r12, lsl #5
    sub     r9, r9, r12, lsl #2
    vdup.32 q0, r9
    vmin.u32 q7, q7, q0
    b       2b
.endm

@ The step \name, whose groups are the macro \group. r1 and r9 walk the weights, r11 the sums.
.macro lstm_gru_step name, group, kind
    lstm_function \name
    push    {r4-r11, lr}
    sub     sp, sp, #4
    vpush   {d8-d15}
    lstm_part rest
    mov     r10, r0
    mov     r8, sp
    ldrd    r4, r7, [r10, #P_X_PLANE]
    lstm_room \kind, L_FIXED, L_LOW, L_END
    add     r5, r6, r4
    add     r11, r9, r4
    str     r9, [sp, #L_LOW+4]
    strd    r5, r11, [sp, #L_H_LOW]
    str     r9, [sp, #L_H_END]
    .if \kind == 1
    @ Padding is no zero weight.
    vmov.i32 q0, #0
    add     r7, r7, r9
    vstrw.32 q0, [r5, #-16]
    vstrw.32 q0, [r11, #-16]
    vstrw.32 q0, [r9, #-16]
    vstrw.32 q0, [r7, #-16]
    .endif
    mov     r7, r9
    ldrd    r1, r2, [r10, #P_X]
    lstm_gru_plane \kind, L_X_START
    mov     r6, r5
    mov     r7, r11
    ldrd    r1, r2, [r10, #P_H]
    lstm_gru_plane \kind, L_H_START
    lstm_entry .Llstm_gru_x\@, P_X_ENTRY, L_X_ENTRY
    lstm_entry .Llstm_gru_h\@, P_H_ENTRY, L_H_ENTRY
    adr.w   r1, .Llstm_gru_four\@
    orr     r1, r1, #1
    add     r0, sp, #L_SUMS+48
    strd    r0, r1, [sp, #L_SUMS_END]
    @ Addresses of four units' sums and gates
    movs    r0, #0
    vidup.u32 q0, r0, #4
    movs    r0, #3
    vmul.i32 q6, q0, r0
    add     r0, sp, #L_SUMS
    vadd.i32 q6, q6, r0
    movs    r0, #7
    vmul.i32 q7, q0, r0
    ldr     r0, [r10, #P_GATES]
    sub     r0, r0, #112
    vadd.i32 q7, q7, r0
    add     r12, r10, #P_UNITS
    add     lr, sp, #L_UNITS
    ldrd    r11, r9, [r10, #P_WEIGHTS]
    ldmia   r12, {r0-r8, r10, r12}
    stmia   lr, {r0-r8, r10, r12}
    mov     r1, r11
    @ Up to four units of those left, r2; rows of one to three lie in as many groups
.Llstm_gru_four\@:
    cmp     r2, #4
    bhs     1f
    add     r0, sp, #L_SUMS
    add     r0, r0, r2, lsl #4
    str     r0, [sp, #L_SUMS_END]
1:
    add     r11, sp, #L_SUMS
    .if \kind == 1
    vmov.i8 q4, #0xf0
    .endif
.Llstm_gru_group\@:
    lstm_part products
    ldmia   sp, {r3, r5, r7}
    \group
    ldr     pc, [sp, #L_X_ENTRY]
    .p2align 2
.Llstm_gru_x\@:
    .rept 3
    \group a
    .endr
    cmp.w   r3, r7
    bne.w   .Llstm_gru_x\@
    lstm_put_together \kind, L_X_START
    stmia   r11!, {r0, r2, r4, r6}
    .if \kind == 1
    ldrd    r3, r5, [sp, #L_H_LOW]
    .endif
    \group w=r9
    ldr     r7, [sp, #L_H_END]
    ldr     pc, [sp, #L_H_ENTRY]
    .p2align 2
.Llstm_gru_h\@:
    .rept 3
    \group a, r9
    .endr
    cmp.w   r3, r7
    bne.w   .Llstm_gru_h\@
    lstm_put_together \kind, L_H_START
    strd    r0, r2, [r11, #L_HIDDEN-16]
    strd    r4, r6, [r11, #L_HIDDEN-8]
    ldr     r0, [sp, #L_SUMS_END]
    cmp     r11, r0
    bne.w   .Llstm_gru_group\@
    .if \kind == 0
    lstm_place lstm_nostd_mve_gru_units
    lstm_gru_units 2
    .elseif \kind == 1
    b.w     lstm_nostd_mve_gru_units
    .else
    lstm_gru_units 1
    .endif
    lstm_end \name
.endm
    lstm_gru_step lstm_nostd_mve_gru, lstm_group, 0
    lstm_gru_step lstm_nostd_mve_w4a16_gru, lstm_nibble_group, 1
    lstm_gru_step lstm_nostd_mve_w8a8_gru, lstm_byte_group, 2
