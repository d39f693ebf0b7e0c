#include "streaming/windows/kept_rows.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "millrace/detail/base/bytes.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/partitioner.hpp"
#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/detail/streaming/stream_engine.hpp"
#include "millrace/error.hpp"
#include "streaming/recovery/piece_file.hpp"

namespace millrace::detail {
namespace {

// What a frame begins with, besides the head.
constexpr std::uint8_t dataset_frame = 'd';
constexpr std::uint8_t rows_frame = 'r';

struct kept_dataset {
  time_point_ms time;
  node_ptr dataset;
};

class rows_image final : public kept_version {
 public:
  rows_image(std::string what, time_point_ms time, std::chrono::milliseconds slide,
             std::vector<kept_dataset> datasets, node_ptr all)
      : what_(std::move(what)),
        time_(time),
        slide_(slide),
        datasets_(std::move(datasets)),
        all_(std::move(all)) {}

  time_point_ms time() const override { return time_; }
  node_ptr dataset() const override { return all_; }

  bool changed(int, task_context&, std::optional<time_point_ms> since) const override {
    return !since || std::any_of(datasets_.begin(), datasets_.end(),
                                 [&](const kept_dataset& one) { return one.time > *since; });
  }

  kept_piece write(int, task_context& task, std::optional<time_point_ms> since,
                   output_file& to) const override {
    piece_writer file(to, what_, {time_, since, 0, 1});
    for (const kept_dataset& one : datasets_) {
      if (since && one.time <= *since) continue;
      const node& dataset = *one.dataset;
      file.begin(dataset_frame);
      byte_writer& out = file.next();
      out.varint(static_cast<std::uint64_t>((time_ - one.time) / slide_));
      out.varint(static_cast<std::uint64_t>(dataset.partitions()));
      out.u8(dataset.by_key() != nullptr && dataset.by_key()->by_hash() ? 1 : 0);
      for (int p = 0; p < dataset.partitions(); ++p) write_rows(dataset, p, task, file);
    }
    return file.finish();
  }

 private:
  static void write_rows(const node& dataset, int partition, task_context& task,
                         piece_writer& file) {
    struct writing {
      piece_writer& file;
      const row_type& type;
    } self{file, dataset.rows()};
    file.begin(rows_frame, static_cast<std::uint64_t>(partition));
    const sink into{&self, [](void* me, const chunk& rows) {
                      auto& [out, type] = *static_cast<writing*>(me);
                      const char* row = static_cast<const char*>(rows.rows);
                      for (std::uint32_t i = 0; i < rows.count; ++i, row += type.size) {
                        encode_row(type, row, out.next());
                        out.flush_large();
                      }
                      return flow::more;
                    }};
    const auto from = task.open(dataset, partition);
    while (from->step(into) == flow::more)
      if (task.cancelled()) throw task_cancelled();
    if (task.cancelled()) throw task_cancelled();  // rows may be missing
  }

  std::string what_;
  time_point_ms time_;
  std::chrono::milliseconds slide_;
  std::vector<kept_dataset> datasets_;  // the oldest first
  node_ptr all_;
};

/// Rows of an earlier run, as they were partitioned then.
class restored_rows final : public node {
 public:
  restored_rows(context_ptr context, const row_type& rows, std::vector<row_buffer_ptr> slices,
                partitioner_ptr by)
      : node({std::move(context),
              &rows,
              "restored",
              static_cast<int>(slices.size()),
              {},
              {},
              std::move(by)}),
        slices_(std::move(slices)) {}
  std::unique_ptr<cursor> open(int partition, task_context&) const override {
    return read_rows(slices_[static_cast<std::size_t>(partition)]);
  }

 private:
  std::vector<row_buffer_ptr> slices_;
};

class rows_restore final : public kept_restore {
 public:
  rows_restore(stream_node& of, std::string what, std::chrono::milliseconds back,
               time_point_ms time)
      : of_(of), what_(std::move(what)), back_(back), time_(time) {}

  void read(int, std::vector<std::unique_ptr<input_file>> pieces) override {
    std::optional<time_point_ms> before;
    for (auto& piece : pieces) {
      piece_reader file(std::move(piece), what_, 0, before);
      file.parse([](byte_reader&) {});
      loaded* at = nullptr;
      while (file.next()) {
        file.parse([&](byte_reader& in) {
          if (file.kind() == dataset_frame) at = &read_dataset(in, file);
          else if (file.kind() == rows_frame) read_rows_of(at, in, file.records());
          else throw error("a frame is of an unknown kind");
        });
      }
      before = file.head().time;
    }
  }

  void finish() override {
    // All times, those without a dataset too: a stream is not asked for what an earlier run had.
    for (time_point_ms t = time_; t > time_ - back_; t -= of_.slide()) {
      if (!of_.valid(t)) continue;
      const auto found = datasets_.find(t);
      node_ptr dataset;
      if (found != datasets_.end()) dataset = make(found->second);
      of_.restore_dataset(t, std::move(dataset));
    }
  }

 private:
  struct loaded {
    std::vector<row_buffer> partitions;
    bool by_hash = false;
  };

  loaded& read_dataset(byte_reader& in, const piece_reader& file) {
    const std::uint64_t age = in.varint();
    const std::uint64_t partitions = in.varint();
    const bool by_hash = in.u8() != 0;
    if (age > static_cast<std::uint64_t>(back_ / of_.slide()))
      throw error("a dataset is older than any that is kept");
    // A partition may be empty, but there cannot be more than a program can make.
    if (partitions > most_partitions) throw error("a dataset has too many partitions");
    const time_point_ms time = file.head().time - static_cast<std::int64_t>(age) * of_.slide();
    if (file.head().since && time <= *file.head().since) throw error("a dataset is there twice");
    loaded& one = datasets_[time];
    if (!one.partitions.empty()) throw error("a dataset is there twice");
    for (std::uint64_t p = 0; p < partitions; ++p) one.partitions.emplace_back(of_.rows());
    one.by_hash = by_hash;
    return one;
  }

  static void read_rows_of(loaded* dataset, byte_reader& in, std::uint64_t records) {
    const std::uint64_t partition = in.varint();
    if (dataset == nullptr || partition >= dataset->partitions.size())
      throw error("rows belong to no dataset");
    row_buffer& rows = dataset->partitions[static_cast<std::size_t>(partition)];
    for (; records != 0; --records) {
      decode_row(rows.type(), rows.place(), in, rows.texts());
      rows.added();
    }
  }

  node_ptr make(loaded& one) {
    std::vector<row_buffer_ptr> slices;
    for (row_buffer& rows : one.partitions)
      slices.push_back(std::make_shared<const row_buffer>(std::move(rows)));
    partitioner_ptr by;
    if (one.by_hash && of_.rows().field_count == 2)
      by = hash_partitioner_for(*of_.rows().field(0).type, static_cast<int>(slices.size()));
    return std::make_shared<restored_rows>(of_.engine()->core(), of_.rows(), std::move(slices),
                                           std::move(by));
  }

  static constexpr std::uint64_t most_partitions = std::uint64_t{1} << 20;

  stream_node& of_;
  std::string what_;
  std::chrono::milliseconds back_;
  time_point_ms time_;
  std::map<time_point_ms, loaded> datasets_;
};

class rows_of_stream final : public kept_state {
 public:
  rows_of_stream(stream_node& of, std::chrono::milliseconds back, const stream_node& window)
      : of_(of), back_(back), window_(window) {}

  kept_identity identity() const override {
    std::string kind = "rows of ";
    kind.append(window_.operation());
    std::string fingerprint = signature_of(of_.rows());
    fingerprint.append(" of " + std::to_string(back_.count()) + " ms, every ");
    fingerprint.append(std::to_string(of_.slide().count()) + " ms");
    return {window_.name() == window_.operation() ? std::string() : window_.name(), std::move(kind),
            std::move(fingerprint), 1};
  }

  void track() override {}

  kept_version_ptr version(time_point_ms time) override {
    const time_point_ms last = of_.zero() + (time - of_.zero()) / of_.slide() * of_.slide();
    std::vector<kept_dataset> datasets;
    std::vector<node_ptr> nodes;
    int partitions = 0;
    for (time_point_ms t = last - back_ + of_.slide(); t <= last; t += of_.slide()) {
      node_ptr one = of_.dataset(t);
      if (one == nullptr) continue;
      partitions += one->partitions();
      nodes.push_back(one);
      datasets.push_back({t, std::move(one)});
    }
    const context_ptr core = of_.engine()->core();
    node_ptr all = partitions == 0
                       ? from_rows(core, of_.rows(), {std::make_shared<row_buffer>(of_.rows())})
                       : coalesce(union_of(core, of_.rows(), std::move(nodes)), 1);
    return std::make_shared<rows_image>(piece_description(identity()), last, of_.slide(),
                                        std::move(datasets), std::move(all));
  }

  void written(time_point_ms) override {}

  std::unique_ptr<kept_restore> restore(const kept_identity& as_written,
                                        time_point_ms time) override {
    check_matches(identity(), as_written);
    return std::make_unique<rows_restore>(
        of_, piece_description(as_written), back_,
        of_.zero() + (time - of_.zero()) / of_.slide() * of_.slide());
  }

 private:
  stream_node& of_;
  std::chrono::milliseconds back_;
  const stream_node& window_;
};

}  // namespace

kept_state_ptr kept_rows(stream_node& of, std::chrono::milliseconds back,
                         const stream_node& window) {
  return std::make_shared<rows_of_stream>(of, back, window);
}

}  // namespace millrace::detail
