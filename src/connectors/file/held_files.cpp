#include "connectors/file/held_files.hpp"

#include <algorithm>
#include <map>
#include <memory>

#include "millrace/error.hpp"
#include "storage/compression.hpp"

namespace millrace::detail {
namespace {

constexpr std::size_t copied_bytes = std::size_t{1} << 20;

/// The bytes [from, end) of a file.
void append(file_system& files, const std::string& path, std::uint64_t from, std::uint64_t end,
            output_file& to) {
  const std::unique_ptr<input_file> file = files.open_read(path);
  std::string buffer(copied_bytes, '\0');
  for (std::uint64_t at = from; at < end;) {
    const std::size_t got =
        file->read_at(at, buffer.data(),
                      static_cast<std::size_t>(std::min<std::uint64_t>(end - at, copied_bytes)));
    if (got == 0)
      throw error(
          "a committed batch's file, which waits to be put together with others, was cut "
          "short: it ends at " +
          std::to_string(at) + " and not at " + std::to_string(end) + ": \"" + path + "\"");
    to.write(std::string_view(buffer.data(), got));
    at += got;
  }
}

void finish(std::unique_ptr<output_file>& file) {
  if (file == nullptr) return;
  file->sync();
  file->close();
  file.reset();
}

}  // namespace

bool is_due(const std::vector<held_file>& held, std::int64_t now,
            const file::writing_options& options) {
  if (held.empty()) return false;
  if (now - held.front().batch >= options.roll_interval.count()) return true;
  if (options.roll_bytes == 0) return false;
  std::map<int, std::uint64_t> bytes;
  return std::any_of(held.begin(), held.end(), [&](const held_file& one) {
    return (bytes[one.partition] += one.bytes) >= options.roll_bytes;
  });
}

written_files joined(file_system& files, const std::string& directory, const std::string& aside,
                     std::vector<held_file> held, const file::writing_options& options) {
  std::stable_sort(held.begin(), held.end(), [](const held_file& a, const held_file& b) {
    return a.partition < b.partition;
  });
  written_files made;
  std::unique_ptr<output_file> open;
  std::uint64_t bytes = 0;
  int partition = -1;
  for (const held_file& one : held) {
    const bool full = options.roll_bytes != 0 && bytes >= options.roll_bytes;
    if (one.partition != partition || full) finish(open);
    const bool first = open == nullptr;
    if (first) {
      made.push_back({aside + "/joined." + std::to_string(made.size()), one.name});
      open = compressed(files.create(directory + "/" + made.back().temporary),
                        compression_named(options.compression));
      bytes = 0;
    }
    append(files, directory + "/" + one.place, first ? 0 : one.header, one.bytes, *open);
    bytes += one.bytes - (first ? 0 : one.header);
    partition = one.partition;
  }
  finish(open);
  files.sync_directory(directory + "/" + aside);
  return made;
}

}  // namespace millrace::detail
