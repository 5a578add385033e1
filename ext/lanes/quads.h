/* quads.h: a quad is QUAD elements of one row, 16 bytes, the unit in which columns.h transposes. Included by
 * lanes.h only. The files of the instruction sets define all but `transpose`:
 *
 *     load_quad, store_quad     to and from memory
 *     store_quad_part           the first `count` elements, 1 <= count < QUAD
 *     join_quads, split_quads   quads to one register, and back
 *     transpose                 of QUAD registers: element k of a quad in register j goes to register k
 */
#pragma once

enum { QUAD_F32 = 4, QUAD_F64 = 2 };

#ifndef REGISTERS_ARE_SCALAR
LANES_INLINE void transpose_f32(reg_f32 *a) {
    reg_f64 t0 = CAST_PD(OP_F32(unpacklo)(a[0], a[1])), t1 = CAST_PD(OP_F32(unpackhi)(a[0], a[1]));
    reg_f64 t2 = CAST_PD(OP_F32(unpacklo)(a[2], a[3])), t3 = CAST_PD(OP_F32(unpackhi)(a[2], a[3]));
    a[0] = CAST_PS(OP_F64(unpacklo)(t0, t2));
    a[1] = CAST_PS(OP_F64(unpackhi)(t0, t2));
    a[2] = CAST_PS(OP_F64(unpacklo)(t1, t3));
    a[3] = CAST_PS(OP_F64(unpackhi)(t1, t3));
}
LANES_INLINE void transpose_f64(reg_f64 *a) {
    reg_f64 low = OP_F64(unpacklo)(a[0], a[1]);
    a[1] = OP_F64(unpackhi)(a[0], a[1]);
    a[0] = low;
}
#endif
