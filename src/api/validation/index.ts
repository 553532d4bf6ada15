// What the rest of the program needs of validation.
export { errorBody, type FieldError, invalid } from './field.ts';
