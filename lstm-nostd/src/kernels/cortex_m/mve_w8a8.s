@ One time step of an LSTM layer with int8 activations for cores with Helium (MVE); `mve_w8a8.rs` explains
@ it. The macros of σ and tanh are those of `mve.s`.
@
@ r0 points to `mve_w8a8::Frame`:
    .equ E_FIRST, 0         @ activations, their number, bytes into the plane
    .equ E_SECOND, 12
    .equ E_PLANE, 24        @ bytes of the plane
    .equ E_FIRST_END, 28    @ bytes into the plane
    .equ E_FIRST_ENTRY, 32  @ bytes into the loop
    .equ E_REST_ENTRY, 36
    .equ E_SHIFT, 40        @ 0 if there is one part
    .equ E_ROW, 44          @ bytes of a unit's weights
    .equ E_WEIGHTS, 48
    .equ E_GATES, 52
    .equ E_UNITS, 56        @ thirteen words for the elementwise part

@ The stack holds:
    .equ N_PLANE, 0
    .equ N_FIRST_END, 4
    .equ N_ROW, 8
    .equ N_SUMS_END, 12
    .equ N_FIRST_ENTRY, 16
    .equ N_END, 20          @ of the plane
    .equ N_SHIFT, 24
    .equ N_REST_ENTRY, 28
    .equ N_UNITS, 32        @ thirteen words
    .equ N_INPUT_GATE, 88
    .equ N_PEEPHOLES, 104   @ of the last units, when they are fewer than four
    .equ N_SUMS, 136        @ [4 units][4 gates]
    .equ N_FIXED, 200

@ Sixteen inputs to the eight rows of two units: 128 products, 68 bytes of instructions. \a is `a` to
@ accumulate. r1 and r5 walk the weights of the units, r3 the plane.
.macro lstm_pair a
    vldrw.u32 q0, [r3], #16
    vldrw.u32 q1, [r1, #16]
    vldrw.u32 q3, [r1, #32]
    vmladav\a\().s8 r2, q1, q0
    vldrw.u32 q4, [r1, #48]
    vmladav\a\().s8 r4, q3, q0
    vldrw.u32 q1, [r1], #64
    vmladav\a\().s8 r6, q4, q0
    vldrw.u32 q3, [r5, #16]
    vmladav\a\().s8 r0, q1, q0
    vldrw.u32 q4, [r5, #32]
    vmladav\a\().s8 r10, q3, q0
    vldrw.u32 q1, [r5, #48]
    vmladav\a\().s8 r12, q4, q0
    vldrw.u32 q3, [r5], #64
    vmladav\a\().s8 lr, q1, q0
    vmladav\a\().s8 r8, q3, q0
.endm

@ Copies the activations of the part at r3 into the plane at r6.
.macro lstm_copy
    ldmia   r3!, {r0, r1, r2}
    add     r2, r2, r6
    lstm_copy_bytes r1, r0, r2
.endm

@ \v = (A) for gate \g of four units; r9 is the scale.
.macro lstm_pair_sum v, g, advance=0
    .if \advance
    vldrw.u32 \v, [q7, #128]!
    .else
    vldrw.u32 \v, [q7, #4*\g]
    .endif
    vldrw.u32 q3, [q6, #4*\g]
    vmla.i32 \v, q3, r9
.endm

    lstm_function lstm_nostd_mve_w8a8_step
    push    {r4-r11, lr}
    sub     sp, sp, #4
    vpush   {d8-d15}
    mov     r10, r0
    ldr     r5, [r10, #E_PLANE]
    sub     sp, sp, r5
    mov     r6, sp
    sub     sp, sp, #N_FIXED
    mov     r3, r10
    lstm_copy
    lstm_copy
    @ Where the loops end and are entered
    ldr     r7, [r10, #E_FIRST_END]
    add     r7, r7, r6
    strd    r6, r7, [sp, #N_PLANE]
    add     r5, r5, r6
    ldr     r4, [r10, #E_SHIFT]
    strd    r5, r4, [sp, #N_END]
    adr.w   r1, .Llstm_pair_rest
    orr     r1, r1, #1
    ldrd    r2, r3, [r10, #E_FIRST_ENTRY]
    add     r3, r3, r1
    str     r3, [sp, #N_REST_ENTRY]
    cbz     r4, 1f
    adr.w   r1, .Llstm_pair_shifted
    orr     r1, r1, #1
1:
    add     r2, r2, r1
    str     r2, [sp, #N_FIRST_ENTRY]
    ldr     r0, [r10, #E_ROW]
    add     r11, sp, #N_SUMS
    add     r1, r11, #64
    strd    r0, r1, [sp, #N_ROW]
    @ Addresses of four units' sums and gates
    movs    r0, #0
    vidup.u32 q0, r0, #8
    vshl.i32 q6, q0, #1
    vadd.i32 q6, q6, r11
    vshl.i32 q0, q0, #2
    ldrd    r1, r0, [r10, #E_WEIGHTS]
    sub     r0, r0, #128
    vadd.i32 q7, q0, r0
    vmov.i32 q2, #0
    add     r12, r10, #E_UNITS
    ldmia   r12, {r0, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}
    str     r0, [sp, #N_UNITS]
    add     r0, sp, #N_UNITS+4
    stmia   r0, {r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}
    cmp     r4, #4
    blo     .Llstm_pair_last

    @ Two units
.Llstm_pair_four:
    add     r11, sp, #N_SUMS
.Llstm_pair_products:
    lstm_part products
    ldmia   sp, {r3, r7, r8, r9}
    add     r5, r1, r8
    lstm_pair
    ldr     pc, [sp, #N_FIRST_ENTRY]
    .p2align 2
.Llstm_pair_shifted:
    .rept 3
    lstm_pair a
    .endr
    cmp.w   r3, r7
    bne.w   .Llstm_pair_shifted
    ldrd    r7, r9, [sp, #N_END]
    .irp    sum, r0, r2, r4, r6, r8, r10, r12, lr
    lsl.w   \sum, \sum, r9
    .endr
    ldr     r9, [sp, #N_SUMS_END]
    ldr     pc, [sp, #N_REST_ENTRY]
    .p2align 2
.Llstm_pair_rest:
    .rept 8
    lstm_pair a
    .endr
    cmp.w   r3, r7
    bne.w   .Llstm_pair_rest
    stmia   r11!, {r0, r2, r4, r6, r8, r10, r12, lr}
    mov     r1, r5
    cmp     r11, r9
    bne     .Llstm_pair_products

    add     lr, sp, #N_UNITS
    ldmia   lr, {r0, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}
    cmp     r4, #4
    blo     .Llstm_pair_few
.Llstm_pair_elementwise:
    lstm_part rest
    lstm_pair_sum q0, 0, 1
    lstm_pair_sum q1, 1
    cbz     r3, 1f
    lstm_old_peepholes
1:
    lstm_multiply q0, 0
    lstm_sigmoid q0
    vstrw.32 q0, [sp, #N_INPUT_GATE]
    lstm_multiply q1, 1
    lstm_sigmoid q1
    @ (C)
    vldrw.u32 q3, [r0]
    vshl.i32 q1, q1, #16
    vrmulh.s32 q1, q1, q3
    vshl.i32 q1, q1, #1
    lstm_pair_sum q0, 2
    lstm_multiply q0, 2
    lstm_tanh q0
    vldrw.u32 q3, [sp, #N_INPUT_GATE]
    vmul.i32 q0, q4, q3
    vrshl.s32 q0, lr
    vqadd.s32 q0, q0, q1
    @ (B) of o
    lstm_pair_sum q1, 3
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
    vrshr.s32 q0, q0, #15
    @ (H)
    lstm_narrow_to_int8
    vctp.32 r4
    vpst
    vstrbt.32 q0, [r2], #4
    add     r6, sp, #N_UNITS
    subs    r4, r4, #4
    stmia   r6, {r0, r2, r3, r4}
    bls     .Llstm_pair_end
    cmp     r4, #4
    bhs     .Llstm_pair_four

    @ One to three units are left. The last one of an odd number stands for both of its pair.
.Llstm_pair_last:
    add     r0, sp, #N_SUMS+32
    str     r0, [sp, #N_SUMS_END]
    cmp     r4, #1
    bne     .Llstm_pair_four
    movs    r0, #0
    str     r0, [sp, #N_ROW]
    b       .Llstm_pair_four

.Llstm_pair_few:
    add     r5, sp, #N_SUMS+64
    ldr     r7, [sp, #N_SUMS_END]
    cmp     r4, #3
    bne     3f
    cmp     r5, r7
    beq     3f
    @ The third of three
    str     r5, [sp, #N_SUMS_END]
    sub     r11, r5, #32
    movs    r0, #0
    str     r0, [sp, #N_ROW]
    b       .Llstm_pair_products
3:
    @ The other lanes read the last unit's gates, and peepholes are read from a copy that has place for four.
    vmov.32 r5, q7[0]
    add     r5, r5, r4, lsl #5
    sub     r5, r5, #32
    vdup.32 q0, r5
    vmin.u32 q7, q7, q0
    cmp     r3, #0
    beq     5f
    add     r12, sp, #N_PEEPHOLES
    mov     lr, r4
4:
    ldr     r5, [r3], #4
    str     r5, [r12], #4
    ldr     r5, [r3], #4
    str     r5, [r12], #4
    subs    lr, lr, #1
    bne     4b
    add     r3, sp, #N_PEEPHOLES
5:
    ldrd    r5, r6, [sp, #N_UNITS+16]
    ldrd    r7, r8, [sp, #N_UNITS+24]
    ldrd    r12, lr, [sp, #N_UNITS+44]
    b       .Llstm_pair_elementwise

.Llstm_pair_end:
    ldr     r0, [sp, #N_END]
    ldr     r1, [sp, #N_PLANE]
    sub     r0, r0, r1
    add     sp, sp, #N_FIXED
    add     sp, sp, r0
    vpop    {d8-d15}
    add     sp, sp, #4
    pop     {r4-r11, pc}
    lstm_end lstm_nostd_mve_w8a8_step
