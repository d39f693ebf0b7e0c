#include "streaming/windows/slide_tree.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

namespace millrace::detail {
namespace {

/// A value being made; destroyed unless it was moved into the tree.
class made_value {
 public:
  explicit made_value(const slide_fold& fold) : fold_(fold) {
    if (fold.type->size > sizeof own_ || fold.type->align > alignof(std::max_align_t))
      memory_ = ::operator new(fold.type->size, std::align_val_t(fold.type->align));
  }
  ~made_value() {
    if (made_) destroy_rows(*fold_.type, memory_, 1);
    if (memory_ != own_) ::operator delete(memory_, std::align_val_t(fold_.type->align));
  }
  made_value(const made_value&) = delete;
  made_value& operator=(const made_value&) = delete;

  const void* get() const { return memory_; }
  void combine(const void* a, const void* b) {
    if (std::exchange(made_, false)) destroy_rows(*fold_.type, memory_, 1);
    fold_.combine(fold_.function, a, b, memory_);
    made_ = true;
  }
  void replace(void* slot) {
    destroy_rows(*fold_.type, slot, 1);
    move_rows(*fold_.type, slot, memory_, 1);
    destroy_rows(*fold_.type, memory_, 1);
    made_ = false;
  }

 private:
  const slide_fold& fold_;
  alignas(std::max_align_t) char own_[64];
  void* memory_ = own_;
  bool made_ = false;
};

std::uint32_t round_up(std::uint32_t n, std::uint32_t to) { return (n + to - 1) / to * to; }

std::uint32_t level_of(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::uint32_t>(31 - std::countl_zero(a ^ b));
}

void assign(const row_type& type, void* slot, const void* value) {
  if (type.trivial) {
    std::memcpy(slot, value, type.size);
    return;
  }
  // A copy may throw: first made, then put in place.
  alignas(std::max_align_t) char own[64];
  void* copy = type.size <= sizeof own && type.align <= alignof(std::max_align_t)
                   ? own
                   : ::operator new(type.size, std::align_val_t(type.align));
  struct freeing {
    const row_type& type;
    void* memory;
    const void* own;
    ~freeing() {
      if (memory != own) ::operator delete(memory, std::align_val_t(type.align));
    }
  } const freeing_copy{type, copy, own};
  copy_rows(type, copy, value, 1);
  destroy_rows(type, slot, 1);
  move_rows(type, slot, copy, 1);
  destroy_rows(type, copy, 1);
}

std::size_t alignment(const row_type& type) { return std::max<std::size_t>(16, type.align); }

}  // namespace

slide_tree::slide_tree(slide_tree&& other) noexcept
    : type_(other.type_),
      count_(std::exchange(other.count_, 0)),
      capacity_(std::exchange(other.capacity_, 0)),
      memory_(std::exchange(other.memory_, nullptr)) {}

slide_tree& slide_tree::operator=(slide_tree&& other) noexcept {
  std::swap(type_, other.type_);
  std::swap(count_, other.count_);
  std::swap(capacity_, other.capacity_);
  std::swap(memory_, other.memory_);
  return *this;
}

slide_tree::~slide_tree() { end(); }

void slide_tree::end() {
  if (memory_ == nullptr) return;
  if (count_ != 0) {
    destroy_rows(*type_, leaf(0), count_);
    destroy_rows(*type_, inner(0), count_ - 1);
  }
  ::operator delete(memory_, std::align_val_t(alignment(*type_)));
  memory_ = nullptr;
  count_ = capacity_ = 0;
}

void* slide_tree::leaf(std::uint32_t i) const {
  const std::uint32_t leaves = round_up(capacity_ * sizeof(std::uint32_t), type_->align);
  return static_cast<char*>(memory_) + leaves + std::size_t{i} * type_->size;
}

void* slide_tree::inner(std::uint32_t i) const { return leaf(capacity_ + i); }

void slide_tree::reserve(std::uint32_t leaves) {
  if (leaves <= capacity_) return;
  slide_tree bigger;
  bigger.type_ = type_;
  bigger.capacity_ = std::max({leaves, capacity_ + capacity_ / 2, 2U});
  const std::size_t bytes = round_up(bigger.capacity_ * sizeof(std::uint32_t), type_->align) +
                            std::size_t{bigger.capacity_} * 2 * type_->size;
  bigger.memory_ = ::operator new(bytes, std::align_val_t(alignment(*type_)));
  if (count_ != 0) {
    std::memcpy(bigger.positions(), positions(), count_ * sizeof(std::uint32_t));
    move_rows(*type_, bigger.leaf(0), leaf(0), count_);
    move_rows(*type_, bigger.inner(0), inner(0), count_ - 1);
    bigger.count_ = count_;
  }
  *this = std::move(bigger);  // what was moved from ends with `bigger`
}

namespace {

/// Makes room for one at `i` of `n` rows: all from there move up by one. The last is unmade then.
void shift_up(const row_type& type, char* rows, std::uint32_t i, std::uint32_t n) {
  const std::size_t size = type.size;
  if (type.trivial) {
    std::memmove(rows + (i + 1) * size, rows + i * size, (n - i) * size);
    return;
  }
  for (std::uint32_t j = n; j > i; --j) {
    move_rows(type, rows + j * size, rows + (j - 1) * size, 1);
    destroy_rows(type, rows + (j - 1) * size, 1);
  }
}

/// Ends row `i` of `n`; all after it move down by one.
void shift_down(const row_type& type, char* rows, std::uint32_t i, std::uint32_t n) {
  const std::size_t size = type.size;
  if (type.trivial) {
    std::memmove(rows + i * size, rows + (i + 1) * size, (n - i - 1) * size);
    return;
  }
  destroy_rows(type, rows + i * size, 1);
  for (std::uint32_t j = i; j + 1 < n; ++j) {
    move_rows(type, rows + j * size, rows + (j + 1) * size, 1);
    destroy_rows(type, rows + (j + 1) * size, 1);
  }
}

}  // namespace

void slide_tree::insert(std::uint32_t at, std::uint32_t position, const void* value) {
  reserve(count_ + 1);
  // Copies come first: they may throw. The new inner value lies on the way to the new leaf, so it
  // is made anew before anybody reads it.
  const row_type& type = *type_;
  const std::uint32_t inners = count_ == 0 ? 0 : count_ - 1;
  if (count_ != 0) copy_rows(type, inner(inners), value, 1);
  try {
    copy_rows(type, leaf(count_), value, 1);
  } catch (...) {
    if (count_ != 0) destroy_rows(type, inner(inners), 1);
    throw;
  }
  // From the end to its place.
  if (at != count_) {
    const std::size_t size = type.size;
    const auto rotate = [&](char* rows, std::uint32_t i, std::uint32_t n) {
      alignas(std::max_align_t) char own[64];
      void* one = size <= sizeof own && type.align <= alignof(std::max_align_t)
                      ? own
                      : ::operator new(size, std::align_val_t(type.align));
      move_rows(type, one, rows + n * size, 1);
      destroy_rows(type, rows + n * size, 1);
      shift_up(type, rows, i, n);
      move_rows(type, rows + i * size, one, 1);
      destroy_rows(type, one, 1);
      if (one != own) ::operator delete(one, std::align_val_t(type.align));
    };
    rotate(static_cast<char*>(leaf(0)), at, count_);
    const std::uint32_t gap = std::min(at, inners);
    if (gap != inners) rotate(static_cast<char*>(inner(0)), gap, inners);
    std::memmove(positions() + at + 1, positions() + at, (count_ - at) * sizeof(std::uint32_t));
  }
  positions()[at] = position;
  ++count_;
}

void slide_tree::erase(std::uint32_t at) {
  if (count_ > 1) {
    // Of the branchings beside the leaf the lower one was the leaf's own.
    const std::uint32_t* p = positions();
    std::uint32_t gap = at;
    if (at == count_ - 1 || (at != 0 && level_of(p[at - 1], p[at]) < level_of(p[at], p[at + 1])))
      gap = at - 1;
    shift_down(*type_, static_cast<char*>(inner(0)), gap, count_ - 1);
  }
  shift_down(*type_, static_cast<char*>(leaf(0)), at, count_);
  std::memmove(positions() + at, positions() + at + 1, (count_ - at - 1) * sizeof(std::uint32_t));
  --count_;
}

std::uint32_t slide_tree::lower_bound(std::uint32_t low, std::uint32_t high,
                                      std::uint32_t position) const {
  const std::uint32_t* const p = positions();
  // Where every slide has the key, the first guess is right.
  if (low < high && high - low == p[high - 1] - p[low] + 1) {
    if (position <= p[low]) return low;
    return position > p[high - 1] ? high : low + (position - p[low]);
  }
  return static_cast<std::uint32_t>(std::lower_bound(p + low, p + high, position) - p);
}

/// The first leaf of the right branch under the leaves [low, high), which are two or more.
std::uint32_t slide_tree::middle_of(std::uint32_t low, std::uint32_t high) const {
  const std::uint32_t* const p = positions();
  const std::uint32_t level = level_of(p[low], p[high - 1]);
  return lower_bound(low, high, p[high - 1] >> level << level);
}

const void* slide_tree::whole(std::uint32_t low, std::uint32_t high) const {
  return high - low == 1 ? leaf(low) : inner(middle_of(low, high) - 1);
}

/// Follows the branchings whose positions include `position`; [low, high) is what lies at the end:
/// leaves that are all on one side of it.
std::uint32_t slide_tree::descend(std::uint32_t position, step* way, std::uint32_t& low,
                                  std::uint32_t& high) const {
  std::uint32_t steps = 0;
  low = 0;
  high = count_;
  const std::uint32_t* const p = positions();
  while (high - low > 1) {
    const std::uint32_t level = level_of(p[low], p[high - 1]);
    if (level < 31 && position >> (level + 1) != p[low] >> (level + 1)) break;
    const std::uint32_t middle = middle_of(low, high);
    const bool right = (position >> level & 1) != 0;
    way[steps++] = {low, middle, high, right};
    if (right) low = middle;
    else high = middle;
  }
  return steps;
}

void slide_tree::enter(const slide_fold& fold, std::uint32_t position, const void* value) {
  type_ = fold.type;
  std::uint32_t at = count_ == 0 ? 0 : lower_bound(0, count_, position);
  const bool known = at < count_ && positions()[at] == position;
  if (value != nullptr) {
    if (known) assign(*type_, leaf(at), value);
    else insert(at, position, value);
  } else if (known) {
    erase(at);
    if (count_ == 0) return end();
  }
  if (count_ == 0) return;

  step way[32];
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  std::uint32_t steps = descend(position, way, low, high);
  const void* newer = positions()[low] <= position ? whole(low, high) : nullptr;
  while (steps-- != 0) {
    const step& s = way[steps];
    void* const slot = inner(s.middle - 1);
    if (s.right && newer != nullptr) {
      made_value made(fold);
      made.combine(whole(s.low, s.middle), newer);
      made.replace(slot);
    } else {
      if (s.right) newer = whole(s.low, s.middle);
      if (newer == nullptr) continue;
      assign(*type_, slot, newer);
    }
    newer = slot;
  }
}

void slide_tree::result(const slide_fold& fold, std::uint32_t position, bool entered,
                        void* to) const {
  step way[32];
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  std::uint32_t steps = descend(position, way, low, high);
  const bool any_newer = positions()[0] <= position;
  const void* newer = nullptr;
  const void* older = nullptr;
  (positions()[low] <= position ? newer : older) = whole(low, high);
  // `enter` has combined the newer ones already.
  if (entered && any_newer && steps != 0) newer = inner(way[0].middle - 1);

  made_value values[4] = {made_value(fold), made_value(fold), made_value(fold), made_value(fold)};
  const auto add = [](const void*& sum, const void* left, const void* right, made_value* two) {
    made_value& into = sum == two[0].get() ? two[1] : two[0];
    into.combine(left, right);
    sum = into.get();
  };
  while (steps-- != 0) {
    const step& s = way[steps];
    if (!s.right) {
      const void* right = whole(s.middle, s.high);
      if (older == nullptr) older = right;
      else add(older, older, right, values);
    } else if (!entered) {
      const void* left = whole(s.low, s.middle);
      if (newer == nullptr) newer = left;
      else add(newer, left, newer, values + 2);
    }
  }
  if (older != nullptr && newer != nullptr) fold.combine(fold.function, older, newer, to);
  else copy_rows(*fold.type, to, older != nullptr ? older : newer, 1);
}

}  // namespace millrace::detail
