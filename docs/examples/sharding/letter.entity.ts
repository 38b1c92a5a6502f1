import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** What a customer has written; it is in the customer's shard. */
@Entity()
export class Letter {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column()
  customerId!: string;

  @Column({ default: 0 })
  timesSent!: number;

  @CreateDateColumn({ type: 'timestamptz' })
  writtenAt!: Date;
}
