// Writes the files of a batch aside, and gives them their names when it is committed.
#include "millrace/detail/file/part_files.hpp"

#include <array>
#include <cstdio>
#include <exception>
#include <mutex>
#include <set>

#include "connectors/file/commit_ledger.hpp"
#include "millrace/detail/base/log.hpp"
#include "millrace/detail/formats/csv_text.hpp"
#include "millrace/detail/formats/row_text.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "millrace/error.hpp"
#include "storage/compression.hpp"

namespace millrace::detail {

class file_output_state {
 public:
  std::mutex mutex;
  std::set<std::string> begun;  // outputs: where they keep what they must know
};

std::shared_ptr<file_output_state> new_file_output() noexcept {
  try {
    return std::make_shared<file_output_state>();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

namespace {

constexpr std::size_t large_write = std::size_t{64} << 10;

/// A name as part of a file's: without what separates, hides or leads elsewhere.
std::string as_file_name(std::string_view name) {
  std::string safe;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool inside = (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (letter || (inside && !(safe.empty() && c == '_'))) {
      safe += c;
      continue;
    }
    std::array<char, 8> code;
    (void)std::snprintf(code.data(), code.size(), "%%%02X", static_cast<unsigned char>(c));
    safe += code.data();
  }
  return safe.empty() ? "%" : safe;
}

std::string digits(int number, const char* format) {
  std::array<char, 32> text;
  const int n = std::snprintf(text.data(), text.size(), format, number);
  return {text.data(), static_cast<std::size_t>(n)};
}

std::int64_t milliseconds_of(const output_id& id) { return id.batch.time_since_epoch().count(); }

/// Where an output keeps what it must know, below the directory.
std::string home_of(const output_id& id) {
  return "_millrace/" + as_file_name(id.application) + "/" + as_file_name(id.operation);
}

std::string below(const std::string& directory, std::string_view path) {
  return directory + "/" + std::string(path);
}

/// Gives the files of a decided batch their names, those that have them left out.
void publish(file_system& files, const std::string& directory, const written_files& decided) {
  bool any = false;
  for (const written_file& file : decided) {
    if (!files.exists(below(directory, file.temporary))) continue;
    files.rename(below(directory, file.temporary), below(directory, file.name));
    any = true;
  }
  if (any) files.sync_directory(directory);
}

void make_durable_directories(file_system& files, const std::string& directory,
                              std::string_view path) {
  files.make_directories(below(directory, path));
  std::string at = directory;
  const std::size_t slash = at.find_last_not_of('/') == std::string::npos
                                ? std::string::npos
                                : at.rfind('/', at.find_last_not_of('/'));
  files.sync_directory(slash == std::string::npos ? "." : at.substr(0, slash + 1));
  for (std::size_t from = 0; from != std::string_view::npos;) {
    files.sync_directory(at);
    const std::size_t to = path.find('/', from + 1);
    at = below(directory, path.substr(0, to));
    from = to;
  }
}

/// What it committed before, and room for what it is going to write: with the first batch of a run
/// of the program, what an earlier run began is finished, if it was decided, and else removed.
commit_ledger begin(const file_output& to, const output_id& batch, file_system& files) {
  if (to.directory.empty()) throw usage_error("a file sink: the directory is missing");
  const std::string home = below(to.directory, home_of(batch));
  const bool first = to.state->begun.count(home) == 0;
  if (first) make_durable_directories(files, to.directory, home_of(batch));
  commit_ledger ledger = commit_ledger::read(files, home + "/commits");
  if (ledger.pending()) publish(files, to.directory, ledger.pending()->files);
  if (first) {
    files.remove_tree(home + "/parts");
    files.make_directories(home + "/parts");
    to.state->begun.insert(home);
  }
  return ledger;
}

}  // namespace

bool files_committed(const file_output& to, const output_id& batch) {
  if (to.state == nullptr) throw std::bad_alloc();
  const std::lock_guard lock(to.state->mutex);
  return begin(to, batch, file_system_for(to.directory)).holds(milliseconds_of(batch));
}

void commit_files(const file_output& to, const output_id& batch,
                  const std::vector<written_files>& partitions) {
  const std::lock_guard lock(to.state->mutex);
  file_system& files = file_system_for(to.directory);
  commit_ledger ledger = begin(to, batch, files);
  if (ledger.holds(milliseconds_of(batch))) return;
  commit_ledger::pending_batch decided{milliseconds_of(batch), {}};
  for (const written_files& partition : partitions)
    decided.files.insert(decided.files.end(), partition.begin(), partition.end());
  ledger.decide(std::move(decided));
  ledger.write(files, below(to.directory, home_of(batch) + "/commits"));
  publish(files, to.directory, ledger.pending()->files);
}

struct part_writer::open_file {
  std::unique_ptr<output_file> bytes;
  std::uint64_t size = 0;
};

part_writer::part_writer(const file_output& to, const output_id& id, file_format format)
    : to_(to), format_(std::move(format)) {
  const compression codec = compression_named(to.options.compression);
  const std::string batch = std::to_string(milliseconds_of(id));
  const std::string partition = digits(id.partition, "%05d");
  temporary_ = home_of(id) + "/parts/" + batch + "." + partition + "." + std::to_string(id.attempt);
  name_ = as_file_name(id.application) + "." + as_file_name(id.operation) + "." + batch + "." +
          partition;
  end_ = std::string(format_.extension) + std::string(extension_of(codec));
  if (to.options.empty_files) open();
}

part_writer::~part_writer() {
  if (finished_) return;
  file_.reset();
  file_system& files = file_system_for(to_.directory);
  for (const written_file& file : files_) {
    try {
      files.remove_tree(below(to_.directory, file.temporary));
    } catch (const std::exception& e) {
      log_warn("what a failed task wrote is left until the program starts again: " +
               std::string(e.what()));
    }
  }
}

void part_writer::open() {
  const int number = static_cast<int>(files_.size());
  const std::string which = to_.options.roll_bytes == 0 ? "" : digits(number, ".%04d");
  files_.push_back({temporary_ + "." + std::to_string(number), name_ + which + end_});
  file_ = std::make_unique<open_file>();
  file_->bytes = compressed(
      file_system_for(to_.directory).create(below(to_.directory, files_.back().temporary)),
      compression_named(to_.options.compression));
  text_ += format_.header;
}

void part_writer::add(const void* row) {
  if (file_ == nullptr) open();
  format_.print(format_.state.get(), row, text_);
  const bool full =
      to_.options.roll_bytes != 0 && file_->size + text_.size() >= to_.options.roll_bytes;
  if (full || text_.size() >= large_write) flush();
  if (full) end();
}

void part_writer::flush() {
  file_->bytes->write(text_);
  file_->size += text_.size();
  text_.clear();
}

void part_writer::end() {
  flush();
  file_->bytes->sync();
  file_->bytes->close();
  file_.reset();
}

written_files part_writer::finish() {
  if (file_ != nullptr) end();
  // The names in the directory of parts: before the batch is decided on them.
  if (!files_.empty())
    file_system_for(to_.directory)
        .sync_directory(below(to_.directory, temporary_.substr(0, temporary_.rfind('/'))));
  finished_ = true;
  return std::move(files_);
}

file_format text_lines(const row_type& rows) {
  return {".txt",
          {},
          std::shared_ptr<const void>(std::shared_ptr<void>(), &rows),
          [](const void* type, const void* row, std::string& out) {
            print_row(*static_cast<const row_type*>(type), row, out);
            out += '\n';
          }};
}

file_format json_lines(const row_columns& columns) {
  return {".json",
          {},
          std::make_shared<const row_columns>(columns),
          [](const void* all, const void* row, std::string& out) {
            print_json(*static_cast<const row_columns*>(all), row, out);
            out += '\n';
          }};
}

file_format csv_lines(const row_columns& columns, char delimiter, bool header) {
  auto printer = std::make_shared<const csv_printer>(columns, delimiter);
  std::string first = header ? printer->header() : std::string();
  return {".csv", std::move(first), std::move(printer),
          [](const void* to, const void* row, std::string& out) {
            static_cast<const csv_printer*>(to)->print(row, out);
          }};
}

}  // namespace millrace::detail
