#include "streaming/state/state_file.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "millrace/detail/base/bytes.hpp"
#include "millrace/error.hpp"
#include "streaming/recovery/piece_file.hpp"

namespace millrace::detail {
namespace {

constexpr std::uint32_t keys_at_once = 256;  // a batch waits no longer than these take

// What a frame begins with, besides the head.
constexpr std::uint8_t keys_frame = 'k';
constexpr std::uint8_t values_frame = 'v';
constexpr std::uint8_t unit_frame = 'u';

void write_keys(version_reader& version, std::uint32_t from, piece_writer& to) {
  const row_type& type = version.table().key();
  const aligned_memory keys = allocate_aligned(std::size_t{keys_at_once} * type.size);
  std::uint32_t ids[keys_at_once];
  to.begin(keys_frame);
  for (std::uint32_t id = from; id < version.ids(); to.flush_large()) {
    arena texts;
    const std::lock_guard lock(version);
    const std::uint32_t n = std::min(keys_at_once, version.ids() - id);
    for (std::uint32_t i = 0; i < n; ++i) ids[i] = id++;
    version.make_keys(ids, n, keys.get(), type.size, texts);
    struct ending {
      const row_type& type;
      char* rows;
      std::uint32_t n;
      ~ending() { destroy_rows(type, rows, n); }
    } const made{type, static_cast<char*>(keys.get()), n};
    for (std::uint32_t i = 0; i < n; ++i)
      encode_row(type, made.rows + std::size_t{i} * type.size, to.next());
  }
}

/// `ids`: null: of all keys, those that have one.
void write_values(version_reader& version, const std::vector<std::uint32_t>* ids,
                  std::int64_t number, piece_writer& to) {
  const row_type& type = version.table().value_type();
  const std::uint32_t count =
      ids == nullptr ? version.ids() : static_cast<std::uint32_t>(ids->size());
  std::uint32_t before = 0;
  std::uint32_t some[keys_at_once];
  const void* values[keys_at_once];
  to.begin(values_frame);
  for (std::uint32_t i = 0; i < count; to.flush_large()) {
    const std::lock_guard lock(version);
    const std::uint32_t n = std::min(keys_at_once, count - i);
    for (std::uint32_t j = 0; j < n; ++j, ++i) some[j] = ids == nullptr ? i : (*ids)[i];
    version.read(some, n, values);
    for (std::uint32_t j = 0; j < n; ++j) {
      const std::uint32_t id = some[j];
      const void* const value = values[j];
      if (value == nullptr && ids == nullptr) continue;
      byte_writer& out = to.next();
      out.varint(std::uint64_t{id - before} << 1 | (value != nullptr ? 1 : 0));
      before = id;
      if (value == nullptr) continue;
      if (version.table().stamped())
        out.varint(
            static_cast<std::uint64_t>(std::max<std::int64_t>(0, number - version.stamp(id))));
      encode_row(type, value, out);
    }
  }
}

void write_units(const unit_list& units, std::int64_t after, std::int64_t last, piece_writer& to) {
  for (const auto& unit : units) {
    if (unit->number <= after) continue;
    to.begin(unit_frame, static_cast<std::uint64_t>(last - unit->number));
    for (std::size_t i = 0; i < unit->keys.size(); ++i) {
      byte_writer& out = to.next();
      out.varint(unit->keys[i]);
      encode_row(unit->values->type(), unit->values->row(i), out);
      to.flush_large();
    }
  }
}

bool units_changed(const state_image& image, std::int64_t since) {
  if (image.left.units == nullptr) return false;
  const std::int64_t after = since * image.count.units;
  return std::any_of(image.left.units->begin(), image.left.units->end(),
                     [&](const auto& unit) { return unit->number > after && !unit->keys.empty(); });
}

}  // namespace

bool state_changed(const state_image& image, std::optional<time_point_ms> since) {
  if (!since) return true;
  const std::int64_t number = image.count.number(*since);
  const auto difference = keyed_table::changed_since(*image.left.version, number);
  return !difference.known || !difference.touched.empty() || units_changed(image, number);
}

kept_piece write_state(const state_image& image, std::optional<time_point_ms> since,
                       output_file& to) {
  const std::int64_t number = image.count.number(image.time);
  keyed_table::difference difference;
  if (since) {
    difference = keyed_table::changed_since(*image.left.version, image.count.number(*since));
    if (!difference.known) since = std::nullopt;
  }
  version_reader version(image.left.version);

  piece_writer file(to, image.what, {image.time, since, image.partition, image.partitions});
  file.head().u8(version.table().stamped() ? 1 : 0);
  file.head().varint(since ? difference.ids : 0);
  file.head().varint(version.ids());
  file.head().varint(image.left.renew_from);
  write_keys(version, since ? difference.ids : 0, file);
  write_values(version, since ? &difference.touched : nullptr, number, file);
  if (image.left.units != nullptr)
    write_units(*image.left.units,
                since ? image.count.number(*since) * image.count.units : INT64_MIN,
                number * image.count.units, file);
  return file.finish();
}

struct state_loader::loaded_unit {
  std::int64_t number;
  std::vector<std::uint32_t> keys;
  row_buffer values;
};

/// One file.
class state_loader::one_piece {
 public:
  one_piece(state_loader& into, std::unique_ptr<input_file> file)
      : to_(into), file_(std::move(file), into.what_, into.partition_, into.time_) {}

  void read() {
    file_.parse([this](byte_reader& in) { read_head(in); });
    while (file_.next())
      file_.parse([this](byte_reader& in) {
        switch (file_.kind()) {
          case keys_frame: read_keys(in, file_.records()); break;
          case values_frame: read_values(in, file_.records()); break;
          case unit_frame: read_unit(in, file_.records()); break;
          default: throw error("a frame is of an unknown kind");
        }
      });
    if (to_.table().ids() != ids_) file_.refuse("keys are missing");
    to_.time_ = file_.head().time;
  }

 private:
  void read_head(byte_reader& in) {
    stamped_ = in.u8() != 0;
    at_ = read_id(in, to_.table().ids() + std::uint64_t{1});
    ids_ = read_id(in, std::uint64_t{UINT32_MAX} / 2);
    if (ids_ < to_.table().ids()) throw error("it has fewer keys than the file before it");
    to_.into_.renew_from = in.varint();
    const piece_head& head = file_.head();
    number_ = to_.count_.number(head.time);
    oldest_unit_ = head.since ? to_.count_.number(*head.since) * to_.count_.units : INT64_MIN;
  }

  static std::uint32_t read_id(byte_reader& in, std::uint64_t below) {
    const std::uint64_t id = in.varint();
    if (id >= below) throw error("a key's number is too large: " + std::to_string(id));
    return static_cast<std::uint32_t>(id);
  }

  void read_keys(byte_reader& in, std::uint64_t records) {
    const row_type& type = to_.table().key();
    if (records > ids_ - at_) throw error("there are more keys than the head says");
    row_buffer keys(type);
    std::uint32_t found[chunk_capacity];
    while (records != 0) {
      const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(records, chunk_rows));
      keys.clear();
      keys.texts().clear();
      for (std::uint32_t i = 0; i < n; ++i) {
        decode_row(type, keys.place(), in, keys.texts());
        keys.added();
      }
      to_.table().find(0, static_cast<const char*>(keys.data()), type.size, n, found);
      for (std::uint32_t i = 0; i < n; ++i)
        if (found[i] != at_++) throw error("a key is there twice, or is not the one it was");
      records -= n;
    }
  }

  void read_values(byte_reader& in, std::uint64_t records) {
    keyed_table& table = to_.table();
    const row_type& type = table.value_type();
    std::vector<std::int64_t> stamps;
    while (records != 0) {
      const std::uint64_t n = std::min<std::uint64_t>(records, chunk_rows);
      staged_changes changes(type);
      stamps.clear();
      for (std::uint64_t i = 0; i < n; ++i) {
        const std::uint64_t word = in.varint();
        const std::uint64_t id = (word >> 1) + value_at_;
        if (id >= table.ids() || (any_value_ && word >> 1 == 0))
          throw error("a value belongs to no key: " + std::to_string(id));
        any_value_ = true;
        value_at_ = static_cast<std::uint32_t>(id);
        changes.ids.push_back(value_at_);
        changes.alive.push_back(static_cast<std::uint8_t>(word & 1));
        // A program that waits for time-outs now, and did not: they count from here.
        std::int64_t stamp = number_;
        if ((word & 1) != 0) {
          if (stamped_) stamp -= static_cast<std::int64_t>(in.varint() & INT64_MAX);
          decode_row(type, changes.values.place(), in, changes.values.texts());
          changes.values.added();
        }
        stamps.push_back(stamp);
      }
      const std::vector<std::uint32_t> ids = changes.ids;
      to_.into_.current = table.commit(changes, to_.into_.current, number_);
      if (table.stamped())
        for (std::size_t i = 0; i < ids.size(); ++i) table.stamp(ids[i], stamps[i]);
      records -= n;
    }
  }

  void read_unit(byte_reader& in, std::uint64_t records) {
    const std::uint64_t age = in.varint();
    const std::int64_t last = number_ * to_.count_.units;
    if (age > std::uint64_t{1} << 62) throw error("a slide is too old");
    const std::int64_t number = last - static_cast<std::int64_t>(age);
    std::vector<loaded_unit>& units = to_.units_;
    if (number <= oldest_unit_ || (!units.empty() && number < units.back().number))
      throw error("a slide is older than the one before it");
    const row_type& type = to_.table().value_type();
    if (units.empty() || units.back().number != number)
      units.push_back({number, {}, row_buffer(type)});
    loaded_unit& unit = units.back();
    for (; records != 0; --records) {
      unit.keys.push_back(read_id(in, to_.table().ids()));
      decode_row(type, unit.values.place(), in, unit.values.texts());
      unit.values.added();
    }
  }

  state_loader& to_;
  piece_reader file_;
  std::int64_t number_ = 0;
  bool stamped_ = false;
  std::uint32_t at_ = 0;   // the next key
  std::uint32_t ids_ = 0;  // that there are in the end
  bool any_value_ = false;
  std::uint32_t value_at_ = 0;
  std::int64_t oldest_unit_ = INT64_MIN;
};

state_loader::state_loader(state_partition into, std::string what, int partition, batch_count count)
    : into_(std::move(into)), what_(std::move(what)), partition_(partition), count_(count) {}
state_loader::~state_loader() = default;

void state_loader::read(std::unique_ptr<input_file> piece) {
  one_piece(*this, std::move(piece)).read();
}

unit_list state_loader::units() {
  unit_list units;
  for (loaded_unit& unit : units_)
    units.push_back(std::make_shared<const window_unit>(
        window_unit{unit.number, std::move(unit.keys),
                    std::make_shared<const row_buffer>(std::move(unit.values))}));
  units_.clear();
  return units;
}

state_partition state_loader::take(std::int64_t number) {
  begin_from(into_, number, units());
  return std::move(into_);
}

void begin_from(state_partition& partition, std::int64_t number, unit_list units) {
  const std::shared_ptr<keyed_table> table = partition.current->table;
  partition.current = std::make_shared<table_version>(table, number);
  if (partition.memory != nullptr) partition.memory->restore(*table, number, std::move(units));
}

}  // namespace millrace::detail
