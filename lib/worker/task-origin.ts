/** The database that tasks are stored in, as handlers and events name it. */
export interface TaskOrigin {
  readonly name: string;
  /** Returns a task's id as the application knows it. */
  idOf(id: number): string;
}
