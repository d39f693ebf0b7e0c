// Files that appear in a directory: text_file_stream, file_stream, binary_records_stream.
#include "millrace/detail/streaming/directory.hpp"

#include "millrace/detail/base/log.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/detail/engine/bad_records.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "millrace/detail/streaming/replay.hpp"
#include "millrace/detail/streaming/stream_engine.hpp"
#include "millrace/error.hpp"
#include "millrace/file_stream_options.hpp"
#include "streaming/receiving/seen_files.hpp"
#include "streaming/recovery/encoded.hpp"

namespace millrace::detail {
namespace {

constexpr std::string_view glob_characters = "*?[]{}\\,";

/// A pattern that means this path alone.
std::string escaped(std::string_view path) {
  std::string pattern;
  for (const char c : path) {
    if (glob_characters.find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

/// Being written: the names that Hadoop and many programs give to a file until they rename it.
bool unfinished(std::string_view path) {
  return path.ends_with("._COPYING_") || path.ends_with(".tmp");
}

/// Whether a directory below `base` is one that is not read.
bool in_hidden_directory(std::string_view path, std::size_t base) {
  for (auto at = path.find('/', base); at != std::string_view::npos; at = path.find('/', at + 1)) {
    if (at + 1 == path.size()) break;
    if (path[at + 1] == '_' || path[at + 1] == '.') return true;
  }
  return false;
}

struct record_length {
  std::int64_t bytes;
};

class directory_stream_node final : public input_stream, public replayable_input {
 public:
  directory_stream_node(facts f, directory_options o, file_reading reading)
      : input_stream(f),
        core_(f.engine->core()),
        options_(std::move(o)),
        reading_(std::move(reading)),
        files_(file_system_for(options_.directory)),
        seen_(std::chrono::ceil<std::chrono::milliseconds>(
            core_->conf().duration("streaming.fileStream.minRememberDuration"))) {}

  /// What is there now is old. Later it is not a time that tells, for a file keeps its own when it
  /// is moved here.
  void open() override {
    core_->rejected().check(options_.bad_records, description());
    if (options_.new_files_only && !resumed_) (void)seen_.look(list(), core_->time().now());
  }

  std::int64_t allocate(time_point_ms) override {
    files_of_batch_.clear();
    named_ = false;
    return 0;
  }

  replayable_input* replay() override { return this; }
  std::string range_signature() const override { return signature_of(row_type_of<file_range>()); }
  void write_range(byte_writer& to) const override { encode(files_of_batch_, to); }
  std::int64_t allocate_again(time_point_ms, std::string_view range) override {
    files_of_batch_ = decode<file_range>(range);
    named_ = true;
    return 0;
  }
  void write_position(byte_writer& to) const override { encode(seen_.all(), to); }
  void resume(std::string_view position, std::span<const std::string_view> since) override {
    resumed_ = true;
    if (!position.empty()) seen_.add(decode<std::vector<seen_files::record>>(position));
    for (const std::string_view range : since)
      for (const file_info& file : decode<file_range>(range)) seen_.add(file, core_->time().now());
  }

  std::string description() const override {
    return std::string(reading_.operation) + " " + options_.directory;
  }

 protected:
  node_ptr compute(time_point_ms time) override {
    if (named_) check_unchanged();
    else look(time);
    std::vector<node_ptr> all;
    all.reserve(files_of_batch_.size());
    for (const file_info& file : files_of_batch_)
      all.push_back(reading_.read(reading_.function.get(), core_, file.path));
    if (all.empty()) return from_rows(core_, rows(), {});
    return all.size() == 1 ? all[0] : union_of(core_, rows(), std::move(all));
  }

 private:
  using file_range = std::vector<file_info>;

  void look(time_point_ms time) {
    seen_files::news news = seen_.look(list(), time);
    for (const std::string& path : news.changed)
      report(
          "a file was written to after it was read, and what is new in it is left out; move "
          "files here once they are complete: " +
          path);
    files_of_batch_ = std::move(news.fresh);
  }

  /// What is read again must be what was read: sinks may have a part of it.
  void check_unchanged() {
    for (const file_info& file : files_of_batch_) {
      const std::vector<file_info> now = files_.list(escaped(file.path));
      const bool same = now.size() == 1 && now[0].size == file.size &&
                        now[0].modified == file.modified && now[0].device == file.device &&
                        now[0].inode == file.inode;
      if (!same)
        throw error(description() +
                    ": a file that a batch has to read again was changed or replaced since: \"" +
                    file.path + "\"");
    }
  }

  std::vector<file_info> list() {
    const std::string& directory = options_.directory;
    const bool literal = files_.exists(directory);
    std::vector<file_info> found;
    std::string pattern = literal ? escaped(directory) : directory;
    while (pattern.ends_with('/') && pattern.size() > 1) pattern.pop_back();
    const std::size_t base = literal ? directory.size() : 0;
    for (int depth = 0;; ++depth) {
      std::vector<file_info> level;
      bool any = true;
      try {
        // The slash at the end: directories alone.
        level = files_.list(pattern + "/");
      } catch (const usage_error&) {
        any = false;
        // No directory of that depth, or none yet that a glob names.
        const bool glob = !literal && directory.find_first_of("*?[{") != std::string::npos;
        if (depth == 0 && !glob && !options_.may_be_missing) throw;
      }
      for (file_info& file : level) {
        if (unfinished(file.path) || in_hidden_directory(file.path, base)) continue;
        if (options_.wanted != nullptr && !options_.wanted(options_.filter.get(), file.path))
          continue;
        found.push_back(std::move(file));
      }
      if (!options_.recursive || !any || depth == deepest) return found;
      pattern += "/*";
    }
  }

  void report(std::string text) noexcept {
    log_warn(description() + ": " + text);
    if (!core_->events().wanted()) return;
    event e{.what = event::kind::receiver_error};
    e.stream = id();
    e.text = std::move(text);
    core_->events().publish(std::move(e));
  }

  static constexpr int deepest = 64;

  std::shared_ptr<millrace::detail::engine> core_;
  directory_options options_;
  file_reading reading_;
  file_system& files_;
  // By whoever starts the stream, then by the thread that generates:
  seen_files seen_;
  file_range files_of_batch_;
  bool named_ = false;    // by the batch log: they are not looked for
  bool resumed_ = false;  // an earlier run knows what is old
};

}  // namespace

directory_options directory_of(std::string directory, file_stream_options options) {
  directory_options o{.directory = std::move(directory),
                      .new_files_only = options.new_files_only,
                      .recursive = options.recursive};
  if (options.filter != nullptr) {
    using filter = std::function<bool(const std::string&)>;
    o.filter = keep_function(std::move(options.filter));
    o.wanted = [](const void* f, const std::string& path) {
      return (*static_cast<const filter*>(f))(path);
    };
  }
  return o;
}

stream_ptr directory_stream(const stream_engine_ptr& engine, directory_options o, file_reading f) {
  if (o.directory.empty())
    throw usage_error(std::string(f.operation) + ": the directory is missing");
  auto input = std::make_shared<directory_stream_node>(
      stream_node::facts{engine, f.rows, f.operation, {}}, std::move(o), std::move(f));
  engine->graph().add_input(input);
  return input;
}

stream_ptr text_directory(const stream_engine_ptr& engine, directory_options o) {
  return directory_stream(engine, std::move(o),
                          {&row_type_of<std::string_view>(),
                           "text_file_stream",
                           {},
                           [](const void*, const context_ptr& context, const std::string& path) {
                             return from_text_file(context, escaped(path), 1);
                           }});
}

stream_ptr path_directory(const stream_engine_ptr& engine, directory_options o) {
  return directory_stream(engine, std::move(o),
                          {&row_type_of<std::string>(),
                           "file_stream",
                           {},
                           [](const void*, const context_ptr& context, const std::string& path) {
                             const row_type& rows = row_type_of<std::string>();
                             auto row = std::make_shared<row_buffer>(rows);
                             ::new (row->place()) std::string(path);
                             row->added();
                             return from_rows(context, rows, {std::move(row)});
                           }});
}

stream_ptr record_directory(const stream_engine_ptr& engine, directory_options o,
                            std::int64_t length) {
  if (length < 1)
    throw usage_error("binary_records_stream: the length must be positive: " +
                      std::to_string(length));
  return directory_stream(
      engine, std::move(o),
      {&row_type_of<std::string_view>(), "binary_records_stream",
       keep_function(record_length{length}),
       [](const void* function, const context_ptr& context, const std::string& path) {
         return from_binary_records(context, escaped(path),
                                    function_in<record_length>(function).bytes);
       }});
}

}  // namespace millrace::detail
