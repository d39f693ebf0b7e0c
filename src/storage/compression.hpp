// Compressed files, by the libraries that define the formats.
#pragma once

#include <memory>
#include <string_view>

#include "millrace/detail/storage/file_system.hpp"

namespace millrace::detail {

enum class compression { none, gzip, zstd, lz4, bzip2 };

/// By the name's end: `.gz`, `.zst`, `.lz4` (frames, as the lz4 program makes), `.bz2`.
compression compression_of(std::string_view path);
/// Of `gzip`, `zstd`, `lz4`, `bzip2` or `none` in any case, or of Hadoop's class of that codec;
/// else `usage_error`.
compression compression_named(std::string_view name);
/// ".gz"; empty for `none`.
std::string_view extension_of(compression kind);

/// What is in a compressed file; the file itself for `none`. The result can be read forwards only,
/// by one thread, and does not know its size (`size` throws). Several members one after another
/// are read as one. Throws `error` with the file and the offset in it where it is damaged or ends
/// too early.
std::unique_ptr<input_file> decompressed(std::unique_ptr<input_file> file, compression kind);

/// Compresses what is written. `sync` ends a member, which costs a few bytes.
std::unique_ptr<output_file> compressed(std::unique_ptr<output_file> file, compression kind);

}  // namespace millrace::detail
