// How a type of your own travels: to disk, to a checkpoint, to another process.
#pragma once

#include "millrace/detail/base/bytes.hpp"

namespace millrace {

/// Specialise for a row type that millrace cannot see into (private members, a base class, a
/// pointer that is a value). Arithmetic, text, containers, `optional`, `variant`, `pair`, `tuple`,
/// times and plain aggregates of those need none.
///
///     template <> struct millrace::codec<money> {
///       static void encode(const money& m, millrace::byte_writer& out) { out.u64(m.cents()); }
///       static money decode(millrace::byte_reader& in) { return money::of_cents(in.u64()); }
///     };
///
/// `decode` must read exactly what `encode` wrote, and throws (any exception) on bytes that it
/// never wrote. Optional, for checkpoints of an earlier program: `static constexpr int version =
/// 2;` and `static T decode(millrace::byte_reader&, int version);`. Both are called from several
/// threads at once.
template <class T>
struct codec;

}  // namespace millrace
