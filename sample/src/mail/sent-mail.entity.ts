import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** What has left the shop; without a unique constraint, for the same reason as payments. */
@Entity('shop_sent_mail')
export class SentMail {
  @PrimaryGeneratedColumn('identity')
  id!: number;

  @Column('uuid', { name: 'order_id' })
  orderId!: string;

  @Column('text')
  template!: string;

  @Column('text')
  recipient!: string;

  @CreateDateColumn({ type: 'timestamptz', name: 'sent_at' })
  sentAt!: Date;
}
