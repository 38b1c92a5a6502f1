/**
 * Joins of the task table with a list of ids. As an equality, one could be planned the other way round, and read every row by the
 * primary key: where the table was empty when it was last vacuumed the planner believes that it has one row, whatever came since.
 * These conditions lead from the list to the index, and never back.
 */

/** Cheap, and taken for a large part of the table: for the queue's own connections, which have no other plan than the index. */
export const betweenIds = (id: string) => `t.id >= ${id} AND t.id <= ${id}`;

/** Taken for the one row that it is. */
export const amongIds = (id: string) => `t.id = ANY (ARRAY[${id}])`;
