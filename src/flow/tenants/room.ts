/** How many tenants that are to be inactive are active at a time. */

/** Tenants are activated in groups of this many (the server changes at most 100 a call). */
export const ACTIVATION_GROUP = 100

/** Tenants kept active at most, of all collections together: while there is work in one group, the next is activated. */
export const MOST_ACTIVE_TENANTS = 2 * ACTIVATION_GROUP
