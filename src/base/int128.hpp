// Sums that outgrow 64 bits.
#pragma once

namespace plimsoll {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 Uint128;

}  // namespace plimsoll
