export const text = 'The script of the pages';
