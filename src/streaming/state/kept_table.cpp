#include "streaming/state/kept_table.hpp"

#include <utility>

#include "millrace/detail/dataset/partitioner.hpp"
#include "streaming/recovery/piece_file.hpp"

namespace millrace::detail {

keyed_stream::~keyed_stream() = default;

namespace {

class table_image final : public kept_version {
 public:
  table_image(std::shared_ptr<const state_dataset> dataset, std::string what, time_point_ms time,
              batch_count count)
      : dataset_(std::move(dataset)), what_(std::move(what)), time_(time), count_(count) {}

  time_point_ms time() const override { return time_; }
  node_ptr dataset() const override { return dataset_; }

  bool changed(int partition, task_context& task,
               std::optional<time_point_ms> since) const override {
    const batch_result left = of(partition, task);
    return state_changed(image(left, partition), since);
  }
  kept_piece write(int partition, task_context& task, std::optional<time_point_ms> since,
                   output_file& to) const override {
    const batch_result left = of(partition, task);
    return write_state(image(left, partition), since, to);
  }

 private:
  batch_result of(int partition, task_context& task) const {
    batch_result left = dataset_->result(partition, task);
    if (left.version == nullptr) throw task_cancelled();
    return left;
  }
  state_image image(const batch_result& left, int partition) const {
    return {left, what_, partition, dataset_->partitions(), time_, count_};
  }

  std::shared_ptr<const state_dataset> dataset_;
  std::string what_;
  time_point_ms time_;
  batch_count count_;
};

class table_restore final : public kept_restore {
 public:
  table_restore(keyed_stream& of, const kept_identity& as_written, time_point_ms time)
      : of_(of), number_(of.count().number(time)) {
    for (int p = 0; p < as_written.partitions; ++p)
      loaders_.push_back(std::make_unique<state_loader>(
          of.store()->make_partition(), piece_description(as_written), p, of.count()));
  }

  void read(int partition, std::vector<std::unique_ptr<input_file>> pieces) override {
    state_loader& loader = *loaders_.at(static_cast<std::size_t>(partition));
    for (auto& piece : pieces) loader.read(std::move(piece));
  }

  void finish() override {
    state_store& store = *of_.store();
    std::vector<state_partition> all;
    if (static_cast<int>(loaders_.size()) == store.partitions()) {
      for (auto& loader : loaders_) all.push_back(loader->take(number_));
    } else {
      all = dealt_out();
    }
    for (int p = 0; p < store.partitions(); ++p)
      store.restore(p, std::move(all[static_cast<std::size_t>(p)]));
    of_.restored(number_);
  }

 private:
  /// To as many partitions as there are now, those of the first partition first.
  std::vector<state_partition> dealt_out() {
    const auto n = static_cast<std::size_t>(of_.store()->partitions());
    std::vector<state_partition> all;
    for (std::size_t p = 0; p < n; ++p) all.push_back(of_.store()->make_partition());
    std::vector<std::vector<window_unit>> units(n);
    for (auto& loader : loaders_) deal_out(*loader, all, units);
    for (std::size_t p = 0; p < n; ++p) {
      unit_list shared;
      for (window_unit& unit : units[p])
        shared.push_back(std::make_shared<const window_unit>(std::move(unit)));
      begin_from(all[p], number_, std::move(shared));
    }
    return all;
  }

  void deal_out(state_loader& from, std::vector<state_partition>& to,
                std::vector<std::vector<window_unit>>& units) {
    const keyed_table& table = from.table();
    // Where each key goes, and its id there.
    std::vector<std::uint32_t> partition(table.ids());
    const aligned_memory key = allocate_aligned(table.key().size);
    for (std::uint32_t id = 0; id < table.ids(); ++id) {
      arena texts;
      table.make_keys(&id, 1, key.get(), table.key().size, texts);
      partition[id] = static_cast<std::uint32_t>(partition_of(of_.partitioned_by(), key.get()));
      destroy_rows(table.key(), key.get(), 1);
    }
    std::vector<std::uint32_t> ids(table.ids());
    std::vector<std::uint8_t> keep(table.ids());
    std::vector<std::uint32_t> mapped;
    for (std::size_t p = 0; p < to.size(); ++p) {
      for (std::uint32_t id = 0; id < keep.size(); ++id) keep[id] = partition[id] == p ? 1 : 0;
      to[p].current->table->copy(table, keep, mapped);
      for (std::uint32_t id = 0; id < keep.size(); ++id)
        if (keep[id] != 0) ids[id] = mapped[id];
    }
    for (const auto& unit : from.units()) {
      std::vector<row_buffer> values;
      std::vector<std::vector<std::uint32_t>> keys(to.size());
      for (std::size_t p = 0; p < to.size(); ++p) values.emplace_back(table.value_type());
      for (std::size_t i = 0; i < unit->keys.size(); ++i) {
        const std::uint32_t p = partition[unit->keys[i]];
        keys[p].push_back(ids[unit->keys[i]]);
        append_copy(values[p], unit->values->row(i));
      }
      for (std::size_t p = 0; p < to.size(); ++p)
        if (!keys[p].empty()) add_unit(units[p], unit->number, keys[p], values[p]);
    }
  }

  static void append_copy(row_buffer& to, const void* row) {
    copy_rows(to.type(), to.place(), row, 1);
    to.added();
  }

  static void add_unit(std::vector<window_unit>& to, std::int64_t number,
                       const std::vector<std::uint32_t>& keys, const row_buffer& values) {
    auto at = to.begin();
    while (at != to.end() && at->number < number) ++at;
    if (at == to.end() || at->number != number) at = to.insert(at, {number, {}, nullptr});
    at->keys.insert(at->keys.end(), keys.begin(), keys.end());
    auto all = std::make_shared<row_buffer>(values.type());
    for (const row_buffer* some : {at->values.get(), &values})
      if (some != nullptr)
        for (std::size_t i = 0; i < some->size(); ++i) append_copy(*all, some->row(i));
    at->values = std::move(all);
  }

  keyed_stream& of_;
  std::int64_t number_;
  std::vector<std::unique_ptr<state_loader>> loaders_;
};

class table_of_stream final : public kept_state {
 public:
  explicit table_of_stream(keyed_stream& of) : of_(of) {}

  kept_identity identity() const override { return of_.identity(); }
  void track() override { of_.store()->track(); }

  kept_version_ptr version(time_point_ms time) override {
    auto dataset = of_.dataset_of(of_.count().number(time));
    if (dataset == nullptr) return {};
    return std::make_shared<table_image>(std::move(dataset), piece_description(identity()), time,
                                         of_.count());
  }
  void written(time_point_ms time) override { of_.store()->written(of_.count().number(time)); }

  std::unique_ptr<kept_restore> restore(const kept_identity& as_written,
                                        time_point_ms time) override {
    check_matches(identity(), as_written);
    return std::make_unique<table_restore>(of_, as_written, time);
  }

 private:
  keyed_stream& of_;
};

}  // namespace

kept_state_ptr kept_table(keyed_stream& of) { return std::make_shared<table_of_stream>(of); }

}  // namespace millrace::detail
