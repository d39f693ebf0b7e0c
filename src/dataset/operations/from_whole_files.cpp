// whole_text_files and binary_files: (path, content), a file a row.
#include <algorithm>
#include <string>
#include <utility>

#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "millrace/error.hpp"
#include "storage/compression.hpp"

namespace millrace::detail {

namespace {

using whole_file = std::pair<std::string, std::string>;

std::string content_of(const std::string& path, bool unpack) {
  const auto file = decompressed(file_system_for(path).open_read(path),
                                 unpack ? compression_of(path) : compression::none);
  std::string content;
  // More than was listed: the file may have grown, and what is compressed is larger anyhow.
  for (std::size_t piece = std::size_t{64} << 10;;
       piece = std::min(piece * 2, std::size_t{8} << 20)) {
    const std::size_t before = content.size();
    content.resize(before + piece);
    const std::size_t got = file->read_at(before, content.data() + before, piece);
    content.resize(before + got);
    if (got < piece) return content;
  }
}

class whole_files_cursor final : public cursor {
 public:
  whole_files_cursor(const std::vector<std::string>& paths, bool unpack)
      : paths_(paths), unpack_(unpack) {}
  flow step(const sink& to) override {
    if (next_ == paths_.size()) return flow::enough;
    const std::string& path = paths_[next_++];
    whole_file row(path, content_of(path, unpack_));
    return to({&row, 1, true});
  }

 private:
  const std::vector<std::string>& paths_;
  bool unpack_;
  std::size_t next_ = 0;
};

class whole_files_node final : public node {
 public:
  whole_files_node(context_ptr context, std::string_view operation, bool unpack,
                   std::vector<std::vector<std::string>> parts)
      : node({std::move(context),
              &row_type_of<whole_file>(),
              operation,
              static_cast<int>(parts.size()),
              {},
              {},
              nullptr}),
        parts_(std::move(parts)),
        unpack_(unpack) {}
  std::unique_ptr<cursor> open(int partition, task_context&) const override {
    return std::make_unique<whole_files_cursor>(parts_[static_cast<std::size_t>(partition)],
                                                unpack_);
  }

 private:
  std::vector<std::vector<std::string>> parts_;
  bool unpack_;
};

}  // namespace

node_ptr from_whole_files(context_ptr context, std::string_view operation, const std::string& path,
                          int min_partitions, bool unpack) {
  if (min_partitions < 1)
    throw usage_error(std::string(operation) + ": the number of partitions must be positive: " +
                      std::to_string(min_partitions));
  // Neighbours share a partition until it has its part of all bytes, as Spark packs them. A file
  // counts one byte more than it has, so that empty ones spread too.
  const auto files = file_system_for(path).list(path);
  std::uint64_t total = 0;
  for (const auto& f : files) total += f.size + 1;
  const std::uint64_t largest = context->conf().size("local.block.size");
  const std::uint64_t goal =
      std::max<std::uint64_t>(std::min(total / static_cast<unsigned>(min_partitions), largest), 1);
  std::vector<std::vector<std::string>> parts;
  std::uint64_t in_part = 0;
  for (const auto& f : files) {
    if (parts.empty() || in_part + f.size + 1 > goal) {
      parts.emplace_back();
      in_part = 0;
    }
    parts.back().push_back(f.path);
    in_part += f.size + 1;
  }
  return std::make_shared<whole_files_node>(std::move(context), operation, unpack,
                                            std::move(parts));
}

}  // namespace millrace::detail
